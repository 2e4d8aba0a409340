//! A steady load, and what it has met.

use std::{net::SocketAddr, process::Command};

use anyhow::Context as _;
use ports::clock::Clock as _;

use super::setup::Setup;
use crate::bench::speaker::Speaker;

/// Requests a second.
pub(super) const RATE: u32 = 5_000;
const CONNECTIONS: u32 = 32;

/// A running load.
pub(super) struct Steady(Speaker);

/// What it met for a while.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Met {
    pub(super) requests: f64,
    pub(super) failures: f64,
    pub(super) p99_ms: f64,
    pub(super) longest_ms: f64,
}

impl Steady {
    /// Starts it.
    ///
    /// # Errors
    /// When it does not start.
    pub(super) fn start(setup: &Setup, address: SocketAddr) -> anyhow::Result<Self> {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "TERM"]).arg(setup.of_benches("steady"));
        command.args([&address.to_string(), "/", &RATE.to_string(), &CONNECTIONS.to_string()]);
        Ok(Self(Speaker::start(&mut command, "", 1)?))
    }

    /// What it met since it was asked last.
    ///
    /// # Errors
    /// When it has ended.
    pub(super) fn met(&mut self) -> anyhow::Result<Met> {
        read(&self.0.ask("")?)
    }

    /// Ends it.
    ///
    /// # Errors
    /// When it has to be killed.
    pub(super) fn end(self) -> anyhow::Result<()> {
        self.0.started.end()
    }
}

fn read(said: &str) -> anyhow::Result<Met> {
    let numbers: Vec<f64> = said.split(' ').map(str::parse).collect::<Result<_, _>>()?;
    let [requests, failures, _p50, p99, longest] = numbers[..] else { anyhow::bail!("an odd line: {said}") };
    Ok(Met { requests, failures, p99_ms: p99 / 1e3, longest_ms: longest / 1e3 })
}

/// The time that a back end takes by itself, from its start until it listens.
///
/// # Errors
/// When it does not start.
pub(super) fn own_start(setup: &Setup) -> anyhow::Result<f64> {
    let begun = setup.clock.now();
    let speaker = Speaker::start(Command::new(setup.of_benches("backend")).arg("127.0.0.1:0"), "", 1)?;
    let taken = setup.clock.now().since(begun);
    speaker.address().context("the back end does not start")?;
    Ok(taken.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_it_says() {
        let expected = Met { requests: 25_000.0, failures: 3.0, p99_ms: 1.5, longest_ms: 20.0 };
        assert_eq!(read("25000 3 400 1500 20000").unwrap(), expected);
        assert!(read("25000 3").is_err() && read("").is_err());
    }
}
