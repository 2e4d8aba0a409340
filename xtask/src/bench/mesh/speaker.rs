//! The programs of `benches/`, on their cores.

use std::{net::SocketAddr, process::Command};

use anyhow::ensure;

use super::{setup::Setup, started};
pub(super) use crate::bench::speaker::Speaker;

/// Starts a back end with so many ports.
///
/// # Errors
/// When it does not start.
pub(super) fn backend(setup: &Setup, ports: usize) -> anyhow::Result<Speaker> {
    let mut command = started::on_core(setup.load_core, setup.programs.of_benches("backend"));
    Speaker::start(command.args(vec!["127.0.0.1:0"; ports]), "", ports)
}

/// Starts clients that keep so many connections; returns when each has been answered.
///
/// # Errors
/// When a request fails.
pub(super) fn idle(setup: &Setup, address: SocketAddr, count: u32) -> anyhow::Result<Speaker> {
    let mut command = started::on_core(setup.load_core, setup.programs.of_benches("idle"));
    let speaker = Speaker::start(command.args([address.to_string(), count.to_string()]), "", 1)?;
    ensure!(speaker.addresses == [count.to_string()], "not every client was answered");
    Ok(speaker)
}

/// Starts the floor before a back end, below a wrapper if there is one.
///
/// # Errors
/// When it does not start.
pub(super) fn floor(setup: &Setup, back: SocketAddr, wrapper: &[&str]) -> anyhow::Result<Speaker> {
    let mut command = below(setup.proxy_core.to_string(), wrapper, setup, "floor");
    Speaker::start(command.arg(back.to_string()), "", 1)
}

/// What a mesh without a platform is started with.
pub(super) struct Bare<'a> {
    /// The cores, as taskset(1) takes them.
    pub(super) cores: String,
    pub(super) workers: usize,
    /// The gateway's routes: `/route-1` and so on.
    pub(super) routes: usize,
    /// The addresses of the instances.
    pub(super) back: &'a [String],
}

impl<'a> Bare<'a> {
    /// One worker on the proxies' core, one route.
    pub(super) fn new(setup: &Setup, back: &'a [String]) -> Self {
        Self { cores: setup.proxy_core.to_string(), workers: 1, routes: 1, back }
    }

    /// Starts it, below a wrapper if there is one. Its addresses are that of the gateway and that of a caller.
    ///
    /// # Errors
    /// When it does not start.
    pub(super) fn start(&self, setup: &Setup, wrapper: &[&str]) -> anyhow::Result<Speaker> {
        let mut command = below(self.cores.clone(), wrapper, setup, "bare");
        let told: String = self.back.iter().map(|address| format!("{address}\n")).collect();
        Speaker::start(command.args([self.workers, self.routes].map(|n| n.to_string())), &format!("{told}\n"), 2)
    }
}

fn below(cores: String, wrapper: &[&str], setup: &Setup, name: &str) -> Command {
    let program = setup.programs.of_benches(name);
    match wrapper {
        [] => started::on_core(cores, program),
        [wrapper, arguments @ ..] => {
            let mut command = started::on_core(cores, wrapper);
            command.args(arguments).arg(program);
            command
        }
    }
}
