//! The release binary of Isles with a manifest, on the proxies' core.

use std::{
    fs,
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::Path,
    thread,
    time::Duration,
};

use anyhow::{Context as _, bail};

use super::{
    load::Seat,
    setup::Setup,
    started::{self, Started},
};
use crate::bench::process;

/// How often an answer is awaited, each time after `PAUSE`.
const TRIES: u32 = 1_500;
const PAUSE: Duration = Duration::from_millis(20);

/// A running system: `/` leads to the service `back`, `/unix` to one that listens on a Unix socket, `/nginx` and `/nginx-unix` to
/// nginx as such services, and the service `caller` may call `back`.
pub(super) struct System {
    pub(super) gateway: SocketAddr,
    /// Beside a call of `back`.
    pub(super) caller: Seat,
    pub(super) pids: Vec<u32>,
    /// Ended before its folder goes.
    _started: Started,
}

/// How the gateway listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gateway {
    Clear,
    Tls,
}

impl System {
    /// Starts it; returns when every service answers.
    ///
    /// # Errors
    /// When it does not come up.
    pub(super) fn start(setup: &Setup, gateway: Gateway) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("isles-").tempdir_in(setup.folder())?.keep();
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let socket = folder.join("caller.sock");
        fs::write(folder.join("isles.toml"), manifest(setup, &folder, address, gateway)?)?;
        let mut command = started::on_core(setup.proxy_core, &setup.programs.isles);
        let log = || started::log(&folder, "log");
        let mut started = Started::start(command.arg("up").arg(&folder).stdout(log()?).stderr(log()?))?;
        let paths: &[&str] = if gateway == Gateway::Clear { &["/", "/unix", "/nginx", "/nginx-unix"] } else { &[] };
        let is_up = || socket.exists() && paths.iter().all(|path| answers(address, path).is_ok());
        wait(&mut started, is_up).with_context(|| fs::read_to_string(folder.join("log")).unwrap_or_default())?;
        let pids = process::of_program(&setup.programs.isles, &folder)?;
        Ok(Self { gateway: address, caller: Seat::Inside(socket), pids, _started: started })
    }
}

fn manifest(setup: &Setup, folder: &Path, address: SocketAddr, gateway: Gateway) -> anyhow::Result<String> {
    let run =
        |name: &str| format!("taskset --cpu-list {} {}", setup.load_core, setup.programs.of_benches(name).display());
    let tls = match gateway {
        Gateway::Clear => String::new(),
        Gateway::Tls => {
            let (certificate, key) = (setup.certificate.certificate.display(), setup.certificate.key.display());
            format!("tls = {{ cert = \"{certificate}\", key = \"{key}\" }}\n")
        }
    };
    fs::write(folder.join("nginx.sh"), nginx(setup, folder))?;
    let (backend, caller, folder) = (run("backend"), run("caller"), folder.display());
    Ok(format!(
        "[system]\nname = \"bench\"\n[gateway]\nlisten = \"{address}\"\n{tls}[gateway.routes]\n\"/\" = \"back\"\n\
         \"/unix\" = \"back-unix\"\n\"/nginx\" = \"nginx\"\n\"/nginx-unix\" = \"nginx-unix\"\n\
         [services.back]\nrun = \"{backend} 127.0.0.1:$PORT\"\n[services.back-unix]\n\
         listen = \"unix\"\nrun = \"{backend} unix:$SOCKET\"\n[services.nginx]\nrun = \"sh {folder}/nginx.sh 127.0.0.1:$PORT\"\n\
         [services.nginx-unix]\nlisten = \"unix\"\nrun = \"sh {folder}/nginx.sh unix:$SOCKET\"\n[services.caller]\n\
         run = \"{caller} $PORT {folder}/caller.sock $BACK_URL\"\ncalls = [\"back\"]\n"
    ))
}

/// A script that runs nginx as an instance, on the address that it is given.
fn nginx(setup: &Setup, folder: &Path) -> String {
    let (core, folder, body) = (setup.load_core, folder.display(), "a".repeat(100));
    format!(
        "rm -f \"${{1#unix:}}\"\ncat >{folder}/nginx-$$.conf <<END\ndaemon off;\npid {folder}/nginx-$$.pid;\nevents {{}}\n\
         http {{ access_log off; keepalive_requests 1000000000;\n  server {{ listen $1; location / {{\n    \
         default_type text/plain; return 200 \"{body}\"; }} }} }}\nEND\n\
         exec taskset --cpu-list {core} nginx -e stderr -c {folder}/nginx-$$.conf\n"
    )
}

fn wait(started: &mut Started, is_up: impl Fn() -> bool) -> anyhow::Result<()> {
    for _ in 0..TRIES {
        if is_up() {
            return Ok(());
        }
        if let Some(status) = started.child().try_wait()? {
            bail!("it ended by itself: {status}");
        }
        thread::sleep(PAUSE);
    }
    bail!("it does not come up")
}

fn answers(address: SocketAddr, path: &str) -> anyhow::Result<()> {
    let mut stream = TcpStream::connect(address)?;
    stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: bench\r\nconnection: close\r\n\r\n").as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    anyhow::ensure!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    Ok(())
}
