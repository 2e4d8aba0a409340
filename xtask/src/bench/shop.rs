//! The shop as the thing that is measured.

use std::{
    collections::BTreeMap,
    fs,
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use anyhow::{Context as _, bail};
use ports::clock::{Clock, HostClock};

use crate::shell::{root, run};

/// The shop's services.
pub(super) const SERVICES: [&str; 4] = ["users", "stock", "payments", "orders"];

/// How often a program's port is tried, each time after `PAUSE`.
const TRIES: u32 = 20_000;
const PAUSE: Duration = Duration::from_micros(500);

/// Builds the shop's programs; returns the folder that they are in.
///
/// # Errors
/// When they cannot be built.
pub(super) fn build() -> anyhow::Result<PathBuf> {
    let target = root().join("target/bench/shop");
    let shown = target.display().to_string();
    run("examples/shop", "cargo", &["build", "--quiet", "--locked", "--release", "--target-dir", &shown])?;
    Ok(target.join("release"))
}

/// The shop's manifest with its built programs in place of their builds, and without the service in Python, which comes last: what
/// it takes is Python's.
///
/// # Errors
/// When it cannot be read.
pub(super) fn manifest(programs: &Path) -> anyhow::Result<String> {
    let text = fs::read_to_string(root().join("examples/shop/isles.toml"))?;
    let text = text.split("[services.mailer]").next().unwrap_or_default();
    let is_build = |line: &&str| !["build", "artifact", "cache"].iter().any(|key| line.starts_with(key));
    let text: Vec<_> = text.lines().filter(is_build).collect();
    let text = text.join("\n").replace("./target/release", &programs.display().to_string());
    let gateway = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
    Ok(text.replace("127.0.0.1:8080", &gateway.to_string()))
}

/// A manifest of services that all run `stock`.
pub(super) fn stocks(programs: &Path, services: u32, replicas: u32) -> String {
    let mut text = "[system]\nname = \"stocks\"\n".to_owned();
    for number in 1..=services {
        text.push_str(&format!(
            "[services.stock-{number}]\nrun = \"{}/stock\"\nreplicas = {replicas}\nhealth = \"/healthz\"\n\
             store = \"sqlite\"\n",
            programs.display()
        ));
    }
    text
}

/// The time that a program takes by itself, from its start until its port accepts.
///
/// # Errors
/// When it does not start.
pub(super) fn own_start(programs: &Path, service: &str, clock: &HostClock) -> anyhow::Result<Duration> {
    let folder = tempfile::tempdir()?;
    let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
    let mut environment = BTreeMap::from([
        ("PORT".to_owned(), address.port().to_string()),
        ("DATABASE_PATH".to_owned(), folder.path().join("store.db").display().to_string()),
    ]);
    environment.insert("NATS_URL".to_owned(), "nats://127.0.0.1:1".to_owned());
    environment.extend(SERVICES.map(|name| (format!("{}_URL", name.to_uppercase()), "http://127.0.0.1:1".to_owned())));
    let begun = clock.now();
    let mut command = Command::new(programs.join(service));
    let mut child = command.envs(environment).stdout(Stdio::null()).spawn().context("it cannot be started")?;
    let accepted = accepts(address, &mut child);
    let taken = clock.now().since(begun);
    child.kill()?;
    child.wait()?;
    accepted.map(|()| taken)
}

fn accepts(address: SocketAddr, child: &mut Child) -> anyhow::Result<()> {
    for _ in 0..TRIES {
        if TcpStream::connect(address).is_ok() {
            return Ok(());
        }
        if let Some(status) = child.try_wait()? {
            bail!("it ended by itself: {status}");
        }
        thread::sleep(PAUSE);
    }
    bail!("it does not listen on {address}")
}
