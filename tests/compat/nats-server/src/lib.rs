//! Stands in for the helper crate of the same name that the tests of `async-nats` start their servers with.
//!
//! The server is the program `nats-server` found along `PATH`, whichever that is: `cargo xtask compat nats` puts it there;
//! [`run_program`] takes another. Names and shapes are what those tests call; a failure panics, for these are tests.

mod cluster;
mod info;
mod process;

pub use cluster::{Cluster, run_cluster};

use std::path::{Path, PathBuf};

use info::Info;
use process::Process;
use rustix::process::{Pid, Signal, kill_process};

const PROGRAM: &str = "nats-server";

/// A running server. Dropping it kills it and removes what it stored.
#[derive(Debug)]
pub struct Server {
    program: PathBuf,
    process: Process,
    store: tempfile::TempDir,
    config: String,
}

/// Starts a server without a configuration file on a port of its own choice.
pub fn run_basic_server() -> Server {
    run_server("")
}

/// Starts a server with a configuration file, relative to the working folder, on a port of its own choice.
pub fn run_server(config: &str) -> Server {
    run_server_with_port(config, None)
}

/// As [`run_server`], on this port.
pub fn run_server_with_port(config: &str, port: Option<&str>) -> Server {
    start(Path::new(PROGRAM), config, port, &[])
}

/// As [`run_server`], with a program of one's own that takes the flags of nats-server.
pub fn run_program(program: &Path, config: &str) -> Server {
    start(program, config, None, &[])
}

/// The program of the server that the repository pins.
///
/// # Panics
/// When it is not built.
pub fn pinned() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..");
    let list = std::fs::read_to_string(root.join("tests/compat/async-nats.toml")).expect("it is in the repository");
    let version = list.lines().find_map(|line| line.strip_prefix("peer = \"")?.split('"').next()).expect("a version");
    let program = root.join("target/compat/nats").join(version).join(PROGRAM);
    assert!(program.exists(), "{} is missing\nhint: `cargo xtask test` builds it with Go", program.display());
    program
}

/// Sends the signal that asks for lame duck mode.
///
/// # Panics
/// When there is no such process any more.
pub fn set_lame_duck_mode(server: &Server) {
    let pid = i32::try_from(server.process.id()).ok().and_then(Pid::from_raw).expect("a process id is above 0");
    kill_process(pid, Signal::USR2).expect("the server runs");
}

impl Server {
    /// `nats://` or, where the server insists on TLS, `tls://`, with `localhost`, which the test certificates name.
    pub fn client_url(&self) -> String {
        let scheme = if self.info().is_tls_required { "tls" } else { "nats" };
        format!("{scheme}://localhost:{}", self.client_port())
    }

    /// The port for clients.
    pub fn client_port(&self) -> u16 {
        self.process.port()
    }

    /// The URL with a user and password.
    pub fn client_url_with(&self, user: &str, password: &str) -> String {
        self.client_url().replacen("://", &format!("://{user}:{password}@"), 1)
    }

    /// The URL with a token.
    pub fn client_url_with_token(&self, token: &str) -> String {
        self.client_url().replacen("://", &format!("://{token}@"), 1)
    }

    /// Kills the server and starts it again on the same port, with what it stored.
    pub fn restart(&mut self) {
        let port = self.client_port().to_string();
        self.process.kill();
        self.process = Process::start(&self.program, &arguments(&self.config, Some(&port), &self.store, &[]));
    }

    fn info(&self) -> Info {
        Info::of(self.client_port())
    }
}

fn start(program: &Path, config: &str, port: Option<&str>, more: &[String]) -> Server {
    let store =
        tempfile::Builder::new().prefix("nats-server-").tempdir().expect("there is a folder for temporary files");
    let process = Process::start(program, &arguments(config, port, &store, more));
    Server { program: program.into(), process, store, config: config.into() }
}

/// The flags, by their names in `nats-server --help`; `-1` is a port of the server's own choice.
fn arguments(config: &str, port: Option<&str>, store: &tempfile::TempDir, more: &[String]) -> Vec<String> {
    let store = store.path().display().to_string();
    let mut arguments = vec!["--store_dir".into(), store, "-p".into(), port.unwrap_or("-1").into()];
    if !config.is_empty() {
        arguments.extend(["-c".into(), config.into()]);
    }
    arguments.extend_from_slice(more);
    arguments
}
