//! A real nginx in front of a back end that says what it got.

use std::{
    fs,
    io::{Read, Write},
    net::Shutdown,
    os::unix::net::{UnixListener, UnixStream},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use tempfile::TempDir;
use tests::wait;

use crate::compare::{Heard, Seen};

/// What nginx gets for a connection; only a hang takes so long.
const PATIENCE: Duration = Duration::from_secs(10);

/// An nginx; it ends when it is dropped.
pub(crate) struct Nginx {
    folder: TempDir,
    process: Child,
}

impl Nginx {
    /// Starts it in front of one that says what it got.
    pub(crate) fn start() -> Self {
        Self::in_front_of(|stream| drop(answer(stream)))
    }

    /// Starts it; the back end does this with each connection.
    pub(crate) fn in_front_of(serve: impl FnMut(UnixStream) + Send + 'static) -> Self {
        let folder = tempfile::Builder::new().prefix("isles-nginx-").tempdir().expect("a folder can be made");
        let path = folder.path();
        fs::write(path.join("nginx.conf"), configuration(path)).expect("a file can be written");
        let back_end = UnixListener::bind(path.join("back.sock")).expect("a socket can be made");
        thread::spawn(move || back_end.incoming().flatten().for_each(serve));
        let mut command = Command::new("nginx");
        command.args(["-e", "stderr", "-p"]).arg(path).arg("-c").arg(path.join("nginx.conf")).stderr(Stdio::null());
        let process = command.spawn().unwrap_or_else(|error| {
            panic!("nginx cannot be started: {error}\nhint: `cargo xtask test` installs it, or `apt-get install nginx-light`")
        });
        let nginx = Self { folder, process };
        wait::until("nginx accepts", || nginx.connect());
        nginx
    }

    /// What nginx makes of these bytes.
    pub(crate) fn hear(&self, bytes: &[u8]) -> Heard {
        heard(&self.answers(bytes))
    }

    /// What it sends back for these bytes.
    pub(crate) fn answers(&self, bytes: &[u8]) -> Vec<u8> {
        let mut stream = self.connect().expect("nginx accepts");
        stream.set_read_timeout(Some(PATIENCE)).expect("it can be set");
        // nginx may have refused before it has read all.
        let _ = stream.write_all(bytes).and_then(|()| stream.shutdown(Shutdown::Write));
        let mut answers = Vec::new();
        if let Err(error) = stream.read_to_end(&mut answers) {
            panic!("nginx does not end: {error}: {:?}", String::from_utf8_lossy(bytes));
        }
        answers
    }

    fn connect(&self) -> Option<UnixStream> {
        UnixStream::connect(self.folder.path().join("front.sock")).ok()
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Limits are as wide as ours, and the path is told as nginx understands it.
fn configuration(folder: &Path) -> String {
    let folder = folder.display();
    format!(
        "daemon off; master_process off; pid {folder}/pid; error_log stderr crit;
events {{ worker_connections 64; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  large_client_header_buffers 4 64k; client_max_body_size 0; lingering_close always;
  server {{
    listen unix:{folder}/front.sock;
    merge_slashes off;
    location / {{
      proxy_pass http://unix:{folder}/back.sock:/;
      proxy_http_version 1.1; proxy_set_header Connection close;
      proxy_set_header X-Host $host;
      proxy_pass_request_headers off; proxy_ignore_client_abort on;
    }}
  }}
}}
"
    )
}

/// The back end: says in fields what it got, as HEAD has no body.
fn answer(mut stream: UnixStream) -> std::io::Result<()> {
    let (mut input, mut part) = (Vec::new(), [0; 4096]);
    let (head, body) = loop {
        let count = stream.read(&mut part)?;
        input.extend_from_slice(&part[..count]);
        match take_message(&input) {
            None if count > 0 => {}
            message => break message.unwrap_or_default(),
        }
    };
    let mut words = head.split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let host = field(&head, "x-host").unwrap_or_default();
    let body: String = body.iter().map(|byte| format!("{byte:02x}")).collect();
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nX-Method: {method}\r\nX-Host: {host}\r\nX-Target: {target}\r\nX-Body: {body}\r\n\r\n"
    )?;
    stream.write_all(if method == "HEAD" { b"" } else { b"seen" })
}

/// A head and its body, when they are whole.
fn take_message(input: &[u8]) -> Option<(String, Vec<u8>)> {
    let end = input.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let head = String::from_utf8_lossy(&input[..end]).into_owned();
    let length = field(&head, "content-length").map_or(0, |value| value.parse().expect("nginx knows numbers"));
    let body = input.get(end..end + length)?.to_vec();
    Some((head, body))
}

fn field<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines()
        .filter_map(|line| line.split_once(": "))
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value)
}

/// The answers in order, up to the first that nginx gave itself.
fn heard(mut answers: &[u8]) -> Heard {
    let mut requests = Vec::new();
    while answers.starts_with(b"HTTP/1.1") {
        let end = answers.windows(4).position(|four| four == b"\r\n\r\n").expect("an answer has an end") + 4;
        let head = String::from_utf8_lossy(&answers[..end]).into_owned();
        answers = &answers[end..];
        let status: u16 = head[9..12].parse().expect("an answer has a status");
        if status == 100 {
            continue;
        }
        let Some(method) = field(&head, "x-method") else { return Heard { requests, refused: Some(status) } };
        requests.push(Seen {
            method: method.into(),
            host: field(&head, "x-host").unwrap_or_default().into(),
            target: field(&head, "x-target").unwrap_or_default().into(),
            body: unhex(field(&head, "x-body").unwrap_or_default()),
        });
        let length = if method == "HEAD" { 0 } else { "seen".len() };
        answers = answers.get(length..).unwrap_or_default();
    }
    Heard { requests, refused: None }
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).filter_map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok()).collect()
}
