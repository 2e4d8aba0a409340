//! The proxies that Isles is compared with, each one process or worker on the proxies' core. Each does by configuration what Isles
//! does by itself: upstream connections are kept, `x-forwarded-for` is written, nothing is logged.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::Stdio,
    thread,
    time::Duration,
};

use anyhow::{Context as _, bail};

use super::{
    setup::Setup,
    started::{self, Started},
};

/// How often a port is tried, each time after `PAUSE`.
const TRIES: u32 = 3_000;
const PAUSE: Duration = Duration::from_millis(10);

/// A running proxy.
pub(super) struct Peer {
    pub(super) started: Started,
    pub(super) ports: Ports,
}

/// Where it listens.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ports {
    pub(super) http1: SocketAddr,
    /// Cleartext, with prior knowledge.
    pub(super) http2: SocketAddr,
    pub(super) tls: SocketAddr,
}

impl Ports {
    fn free() -> anyhow::Result<Self> {
        let sockets = [(); 3].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr());
        let [http1, http2, tls] = sockets;
        Ok(Self { http1: http1?, http2: http2?, tls: tls? })
    }
}

/// Starts nginx before a back end. `wrapper` are a program and arguments to run it under, and then it is one process.
///
/// # Errors
/// When it does not start.
pub(super) fn nginx(setup: &Setup, back: SocketAddr, wrapper: &[&str]) -> anyhow::Result<Peer> {
    let folder = tempfile::Builder::new().prefix("nginx-").tempdir_in(setup.folder())?.keep();
    let ports = Ports::free()?;
    let shown = folder.display().to_string();
    let master = if wrapper.is_empty() { "on" } else { "off" };
    let paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("  {name}_temp_path {shown}/{name};\n"))
        .concat();
    let Ports { http1, http2, tls } = ports;
    let (certificate, key) = (setup.certificate.certificate.display(), setup.certificate.key.display());
    let text = format!(
        "daemon off;\nmaster_process {master};\nworker_processes 1;\npid {shown}/pid;\nerror_log {shown}/error.log;\n\
         events {{ worker_connections 9000; }}\nhttp {{\n  access_log off;\n{paths}  keepalive_requests 1000000000;\n  \
         upstream back {{ server {back}; keepalive 512; keepalive_requests 1000000000; }}\n  server {{\n    \
         listen {http1} backlog=4096;\n    listen {http2} http2;\n    listen {tls} ssl http2;\n    \
         ssl_certificate {certificate};\n    ssl_certificate_key {key};\n    ssl_protocols TLSv1.3;\n    location / {{\n      \
         proxy_pass http://back;\n      proxy_http_version 1.1;\n      proxy_set_header Connection \"\";\n      \
         proxy_set_header Host $http_host;\n      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;\n      \
         proxy_set_header X-Forwarded-Proto $scheme;\n    }}\n  }}\n}}\n"
    );
    start(setup, &folder, "nginx.conf", &text, ports, wrapper, &["nginx", "-e", "stderr", "-c"])
}

/// Starts HAProxy before a back end.
///
/// # Errors
/// When it does not start.
pub(super) fn haproxy(setup: &Setup, back: SocketAddr, wrapper: &[&str]) -> anyhow::Result<Peer> {
    let folder = tempfile::Builder::new().prefix("haproxy-").tempdir_in(setup.folder())?.keep();
    let ports = Ports::free()?;
    let Ports { http1, http2, tls } = ports;
    let text = format!(
        "global\n  nbthread 1\n  maxconn 9000\n  ssl-default-bind-options ssl-min-ver TLSv1.3\ndefaults\n  mode http\n  \
         timeout connect 5s\n  timeout client 600s\n  timeout server 600s\n  option forwardfor\n  http-reuse always\n\
         frontend front\n  bind {http1}\n  bind {http2} proto h2\n  bind {tls} ssl crt {} alpn h2,http/1.1\n  \
         default_backend back\nbackend back\n  server back {back}\n",
        setup.certificate.both.display()
    );
    start(setup, &folder, "haproxy.cfg", &text, ports, wrapper, &["haproxy", "-db", "-f"])
}

fn start(
    setup: &Setup,
    folder: &Path,
    name: &str,
    text: &str,
    ports: Ports,
    wrapper: &[&str],
    program: &[&str],
) -> anyhow::Result<Peer> {
    let file = folder.join(name);
    fs::write(&file, text)?;
    let words: Vec<_> = wrapper.iter().chain(program).collect();
    let mut command = started::on_core(setup.proxy_core, words[0]);
    command.args(&words[1..]).arg(&file).stdout(Stdio::null()).stderr(started::log(folder, "log")?);
    let mut started = Started::start(&mut command)?;
    wait(ports.http1, &mut started).with_context(|| fs::read_to_string(folder.join("log")).unwrap_or_default())?;
    Ok(Peer { started, ports })
}

/// Until it accepts.
fn wait(address: SocketAddr, started: &mut Started) -> anyhow::Result<()> {
    for _ in 0..TRIES {
        if TcpStream::connect(address).is_ok() {
            return Ok(());
        }
        if let Some(status) = started.child().try_wait()? {
            bail!("it ended by itself: {status}");
        }
        thread::sleep(PAUSE);
    }
    bail!("it does not listen on {address}")
}
