//! `cargo xtask compat`: the tests that other projects ship, run against Isles. Never part of the tests.

mod nats;

use clap::Subcommand;

/// Whose tests are run.
#[derive(Subcommand)]
pub(crate) enum Compat {
    /// Those of the published crate async-nats, against a server that speaks NATS
    Nats(nats::Arguments),
}

/// Runs them, and prints each one that did not pass.
///
/// # Errors
/// When they cannot be run, or the outcome is not the one that the repository's list tells.
pub(crate) fn run(compat: &Compat) -> anyhow::Result<()> {
    match compat {
        Compat::Nats(arguments) => nats::run(arguments),
    }
}
