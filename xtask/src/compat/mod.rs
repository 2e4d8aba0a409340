//! `cargo xtask compat`: the tests and the clients of other projects, run against Isles.

mod clients;
mod nats;
mod server;

use std::path::PathBuf;

use clap::Subcommand;

use server::Choice;

/// Where servers, copies, builds and installed clients lie, in the repository's folder.
const SCRATCH: &str = "target/compat/nats";

/// Builds the nats-server that `tests/compat/async-nats.toml` pins, if it is not there.
///
/// # Errors
/// When it cannot be built here.
pub(crate) fn pinned_server() -> anyhow::Result<()> {
    server::peer(nats::list()?.peer()).map(drop)
}

/// What is run.
#[derive(Subcommand)]
pub(crate) enum Compat {
    /// The tests of the published crate async-nats, against a server that speaks NATS
    Nats(nats::Arguments),
    /// Tests of ours with the NATS clients of other languages, against a server that speaks NATS
    NatsClients(Choice),
}

/// Runs it, and prints what did not pass.
///
/// # Errors
/// When it cannot be run, or the outcome is not as it should be.
pub(crate) fn run(compat: &Compat) -> anyhow::Result<()> {
    match compat {
        Compat::Nats(arguments) => nats::run(arguments),
        Compat::NatsClients(server) => clients::run(server),
    }
}

/// As [`Compat::Nats`], against the program that the tests have built.
///
/// # Errors
/// As [`run`].
pub(crate) fn async_nats() -> anyhow::Result<()> {
    nats::run(&nats::Arguments::all(Choice::built()?))
}

/// As [`Compat::NatsClients`], against the program that the tests have built.
///
/// # Errors
/// As [`run`].
pub(crate) fn other_clients() -> anyhow::Result<()> {
    clients::run(&Choice::built()?)
}

/// The nats-server that is compared with, and its version.
///
/// # Errors
/// When it cannot be built.
pub(crate) fn peer() -> anyhow::Result<(PathBuf, String)> {
    let list = nats::list()?;
    Ok((server::peer(list.peer())?, list.peer().into()))
}
