//! From `kill -9` of the platform process to the first answered request.

use std::{
    fs,
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    path::Path,
    thread,
    time::Duration,
};

use anyhow::{Context as _, ensure};
use ports::clock::{Clock, HostClock};
use rustix::process::{Pid, Signal, kill_process};

use super::{
    figure::{Figure, median},
    process, shop,
    stand::Stand,
};

/// How often the platform is killed, and the pause before: so long it has served.
const KILLS: usize = 15;
const PAUSE: Duration = Duration::from_secs(1);
/// Longer than that is no figure any more.
const PATIENCE: Duration = Duration::from_secs(10);
const REQUEST: &[u8] = b"GET /users/1 HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";

/// Measures the shop.
///
/// # Errors
/// When it does not answer again.
pub(super) fn run(program: &Path, programs: &Path, clock: &HostClock) -> anyhow::Result<Figure> {
    let manifest = shop::manifest(programs)?;
    let stand = Stand::new(program, &manifest)?;
    stand.up(clock)?;
    let gateway = gateway(&manifest)?;
    let mut taken = Vec::new();
    for _ in 0..KILLS {
        thread::sleep(PAUSE);
        taken.push(kill(program, stand.folder(), gateway, clock)?.as_secs_f64() * 1000.0);
    }
    stand.down()?;
    let (value, longest) = (median(&taken), taken.iter().copied().fold(0.0, f64::max));
    Ok(Figure {
        what: "first answer after `kill -9` of the platform, the shop",
        value,
        bound: 200.0,
        unit: "ms",
        details: format!("median of {KILLS} kills, at most {longest:.0} ms"),
    })
}

fn gateway(manifest: &str) -> anyhow::Result<SocketAddr> {
    let line = manifest.lines().find_map(|line| line.trim().strip_prefix("listen")).context("it has no gateway")?;
    let address = line.split('"').nth(1).context("it has no address")?;
    Ok(address.parse()?)
}

fn kill(program: &Path, folder: &Path, gateway: SocketAddr, clock: &HostClock) -> anyhow::Result<Duration> {
    let pid = platform(program, folder)?;
    let begun = clock.now();
    kill_process(pid, Signal::KILL)?;
    loop {
        // A connection that the dying process still had is broken.
        let answered =
            ask(gateway).is_ok_and(|answer| answer.starts_with(b"HTTP/1.1 2") || answer.starts_with(b"HTTP/1.1 4"));
        let taken = clock.now().since(begun);
        if answered {
            return Ok(taken);
        }
        ensure!(taken < PATIENCE, "it does not answer within {} s", PATIENCE.as_secs());
    }
}

fn ask(gateway: SocketAddr) -> io::Result<Vec<u8>> {
    let mut connection = TcpStream::connect(gateway)?;
    connection.set_read_timeout(Some(PATIENCE))?;
    connection.write_all(REQUEST)?;
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer)?;
    Ok(answer)
}

/// The platform process: the one that was started as such.
fn platform(program: &Path, folder: &Path) -> anyhow::Result<Pid> {
    let is_platform = |pid: &u32| {
        let arguments = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        arguments.split(|byte| *byte == 0).nth(1) == Some(b"platform")
    };
    let found = process::of_program(program, folder)?.into_iter().find(is_platform);
    let pid = found.and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?));
    pid.context("there is no platform process")
}
