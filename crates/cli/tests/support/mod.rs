//! A project in a folder of its own, a scripted control API on its socket, and what commands print about it.

#![allow(
    clippy::unwrap_used,
    dead_code,
    missing_docs,
    unreachable_pub,
    reason = "shared by tests that use a part each"
)]

use std::{
    ffi::OsString,
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use cli::{
    args::Command,
    exit::ExitCode,
    settings::{Environment, Settings, from_env},
    terminal::{Size, Terminal},
};
use model::Timestamp;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{UnixListener, UnixStream},
    task::JoinSet,
};

pub const NOW: Timestamp = Timestamp(200_000_000);

pub const SHOP: &str = "[system]\nname = \"shop\"\n\n[gateway]\nlisten = \"127.0.0.1:8080\"\n\n[gateway.routes]\n\
                        \"/users\" = \"users\"\n\n[services.users]\nrun = \"./users\"\n";

/// A manifest in a folder that is removed at the end.
pub struct Folder(tempfile::TempDir);

impl Folder {
    pub fn new(manifest: &str) -> Self {
        let folder = Self::empty();
        std::fs::write(folder.path().join("isles.toml"), manifest).unwrap();
        folder
    }

    pub fn empty() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn socket(&self) -> PathBuf {
        self.path().join(".isles/api.sock")
    }

    pub fn settings(&self, line: &[&str]) -> Settings {
        let environment = Environment { variables: Default::default(), current_dir: self.path().into() };
        from_env(std::iter::once("isles").chain(line.iter().copied()).map(OsString::from), &environment).unwrap()
    }

    /// Runs a verb and gives its exit code, standard output and standard error.
    pub async fn run(&self, line: &[&str]) -> (ExitCode, String, String) {
        let (out, err) = (Written::default(), Written::default());
        let code = self.run_into(line, out.clone(), err.clone()).await;
        (code, out.text(), err.text())
    }

    pub async fn run_into(&self, line: &[&str], out: impl Write + Send + 'static, err: Written) -> ExitCode {
        let settings = self.settings(line);
        let Command::Verb(verb) = &settings.command else { panic!("{line:?} is no verb") };
        let mut terminal = Terminal::new(out, err, None::<Size>);
        cli::run(verb, &settings, &|| NOW, &mut terminal).await
    }

    /// Answers each request by the next script that begins like it, and stops listening when there is none.
    pub fn serve(&self, scripts: &[(&'static str, String)]) -> Server {
        std::fs::create_dir_all(self.socket().parent().unwrap()).unwrap();
        let listener = UnixListener::bind(self.socket()).unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = JoinSet::new();
        tasks.spawn(serve(listener, scripts.to_vec(), Arc::clone(&requests)));
        Server { requests, _tasks: tasks }
    }
}

/// A scripted control API. It ends when it is dropped.
pub struct Server {
    requests: Arc<Mutex<Vec<String>>>,
    _tasks: JoinSet<()>,
}

impl Server {
    /// What was asked, each as it came: head and body.
    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    /// The request lines, without the version.
    pub fn request_lines(&self) -> Vec<String> {
        self.requests().iter().map(|request| request.split(" HTTP").next().unwrap().to_owned()).collect()
    }
}

async fn serve(listener: UnixListener, mut scripts: Vec<(&'static str, String)>, requests: Arc<Mutex<Vec<String>>>) {
    while !scripts.is_empty() {
        let (mut stream, _) = listener.accept().await.unwrap();
        let request = read(&mut stream).await;
        let at = scripts.iter().position(|(start, _)| request.starts_with(start));
        requests.lock().unwrap().push(request);
        let Some(at) = at else { break };
        let (_, answer) = scripts.remove(at);
        // A client may leave before it has read everything.
        drop(stream.write_all(answer.as_bytes()).await);
    }
}

/// A request whose body, if any, comes with a length.
async fn read(stream: &mut UnixStream) -> String {
    let mut request = Vec::new();
    loop {
        let read = stream.read_buf(&mut request).await.unwrap();
        let text = String::from_utf8_lossy(&request).into_owned();
        if read == 0 || text.split_once("\r\n\r\n").is_some_and(|(head, body)| body.len() >= length(head)) {
            return text;
        }
    }
}

fn length(head: &str) -> usize {
    head.lines().find_map(|line| line.strip_prefix("content-length: ")).map_or(0, |length| length.parse().unwrap())
}

/// An answer with a whole body.
pub fn answer(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\n{headers}content-length: {}\r\n\r\n{body}", body.len())
}

pub fn ok(body: impl ToString) -> String {
    answer("200 OK", "content-type: application/json\r\n", &body.to_string())
}

/// A stream that ends as it should.
pub fn lines(values: &[serde_json::Value]) -> String {
    ok(values.iter().map(|value| format!("{value}\n")).collect::<String>())
}

/// A stream that breaks after these values.
pub fn broken(values: &[serde_json::Value]) -> String {
    lines(values).replace("content-length: ", "content-length: 9")
}

/// What was written, to be read while it is written.
#[derive(Clone, Default)]
pub struct Written(Arc<Mutex<Vec<u8>>>);

impl Written {
    pub fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
