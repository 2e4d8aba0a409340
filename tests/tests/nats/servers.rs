//! The two servers, each a process of its own that ends when it is dropped.

use std::{
    fs,
    io::{BufRead, BufReader},
    net::SocketAddr,
    process::{Child, Command, Stdio},
};

use serde_json::Value;
use tests::{binary, wait};

pub(crate) struct Server {
    process: Child,
    pub(crate) address: SocketAddr,
}

impl Server {
    /// Ours.
    pub(crate) fn isles(flags: &[&str]) -> Self {
        let mut command = Command::new(binary::isles());
        command.args(["nats-server", "-p", "-1", "-a", "127.0.0.1"]).args(flags).stderr(Stdio::piped());
        let mut process = command.spawn().expect("isles can be started");
        let log = process.stderr.take().expect("it is piped");
        let address = BufReader::new(log)
            .lines()
            .map_while(Result::ok)
            .find_map(|line| line.split_once("Listening for client connections on ")?.1.parse().ok());
        Self { process, address: address.expect("it says where it listens") }
    }

    /// The reference server.
    pub(crate) fn reference(flags: &[&str]) -> Self {
        let folder = tempfile::Builder::new().prefix("isles-nats-").tempdir().expect("a folder can be made");
        let mut command = Command::new("nats-server");
        command.args(["-p", "-1", "-a", "127.0.0.1", "--ports_file_dir"]).arg(folder.path()).args(flags);
        let process = command.stderr(Stdio::null()).spawn().unwrap_or_else(|error| {
            panic!("nats-server cannot be started: {error}\nhint: `cargo xtask test` installs it, or `apt-get install nats-server`")
        });
        let address = wait::until("nats-server says where it listens", || {
            let file = fs::read_dir(folder.path()).ok()?.flatten().next()?;
            let ports: Value = serde_json::from_slice(&fs::read(file.path()).ok()?).ok()?;
            ports["nats"][0].as_str()?.strip_prefix("nats://")?.parse().ok()
        });
        Self { process, address }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
