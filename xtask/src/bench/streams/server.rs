//! A server that is measured, with a store of its own.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::PathBuf,
    thread,
    time::Duration,
};

use anyhow::{Context as _, ensure};

use super::{
    load,
    setup::Setup,
    started::{self, Started},
};

/// How often an answer is awaited, each time after `PAUSE`.
const TRIES: u32 = 30_000;
const PAUSE: Duration = Duration::from_millis(2);

/// Which server, and what its acknowledgements promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Isles: on disk.
    Isles,
    /// nats-server by default: written, and synced within two minutes.
    Nats,
    /// nats-server with `sync_interval: always`: on disk.
    NatsAlways,
}

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Isles => "Isles (on disk)",
            Self::Nats => "nats-server (in memory)",
            Self::NatsAlways => "nats-server (on disk)",
        }
    }
}

/// A running server.
pub(super) struct Server {
    pub(super) kind: Kind,
    pub(super) address: SocketAddr,
    monitor: SocketAddr,
    pub(super) started: Started,
    folder: PathBuf,
}

impl Server {
    /// Starts one with an empty store; returns when it answers.
    ///
    /// # Errors
    /// When it does not come up.
    pub(super) fn start(setup: &Setup, kind: Kind) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("store-").tempdir_in(&setup.folder)?.keep();
        Self::start_in(setup, kind, folder)
    }

    /// Starts one with the store that is there.
    ///
    /// # Errors
    /// As [`Server::start`].
    pub(super) fn start_in(setup: &Setup, kind: Kind, folder: PathBuf) -> anyhow::Result<Self> {
        let free = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr();
        let (address, monitor) = (free()?, free()?);
        let program = if kind == Kind::Isles { &setup.isles } else { &setup.peer };
        let mut command = started::on_core(setup.server_core, program);
        if kind == Kind::Isles {
            command.arg("nats-server");
        }
        command.args(["-a", "127.0.0.1", "-p", &address.port().to_string(), "-m", &monitor.port().to_string()]);
        if kind == Kind::NatsAlways {
            let config = folder.join("nats.conf");
            let store = folder.display();
            fs::write(&config, format!("jetstream {{ store_dir: \"{store}\", sync_interval: always }}\n"))?;
            command.arg("-c").arg(config);
        } else {
            command.arg("-js").arg("-sd").arg(&folder);
        }
        let log = || started::log(&folder, "log");
        let started = Started::start(command.stdout(log()?).stderr(log()?))?;
        let server = Self { kind, address, monitor, started, folder };
        server.wait().with_context(|| fs::read_to_string(server.folder.join("log")).unwrap_or_default())?;
        Ok(server)
    }

    /// The answer of the API to a request.
    ///
    /// # Errors
    /// When it says that it failed.
    pub(super) fn api(&self, setup: &Setup, subject: &str, body: &str) -> anyhow::Result<String> {
        let answer = load::ask(setup, self.address, &format!("$JS.API.{subject}"), body)?;
        ensure!(!answer.contains("\"error\""), "{subject}: {answer}");
        Ok(answer)
    }

    /// Makes a stream in files, with a configuration besides.
    ///
    /// # Errors
    /// When it is refused.
    pub(super) fn stream(&self, setup: &Setup, name: &str, subject: &str, more: &str) -> anyhow::Result<()> {
        let body = format!("{{\"name\":\"{name}\",\"subjects\":[\"{subject}\"],\"storage\":\"file\"{more}}}");
        self.api(setup, &format!("STREAM.CREATE.{name}"), &body).map(drop)
    }

    /// Kills it, and returns its store.
    ///
    /// # Errors
    /// When there is none to kill.
    pub(super) fn kill(mut self) -> anyhow::Result<PathBuf> {
        let child = self.started.child();
        child.kill()?;
        child.wait()?;
        Ok(self.folder)
    }

    /// Until a client is greeted.
    fn wait(&self) -> anyhow::Result<()> {
        for _ in 0..TRIES {
            if TcpStream::connect(self.address).is_ok_and(|mut stream| stream.read(&mut [0; 4]).is_ok_and(|n| n > 0)) {
                return Ok(());
            }
            thread::sleep(PAUSE);
        }
        anyhow::bail!("it does not come up")
    }

    /// Whether it confirms that it syncs before it acknowledges.
    ///
    /// # Errors
    /// When it does not answer.
    pub(super) fn syncs_always(&self) -> anyhow::Result<bool> {
        let mut stream = TcpStream::connect(self.monitor)?;
        stream.write_all(b"GET /jsz?config=true HTTP/1.0\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer.contains("\"sync_always\": true"))
    }
}
