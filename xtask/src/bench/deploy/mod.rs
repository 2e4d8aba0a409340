//! What a deploy costs: the requests that it meets, the time that it takes, what wakes from sleep, and the work that a change makes.

mod asleep;
mod from_zero;
mod path;
mod reconcile;
mod rollout;
mod setup;
mod steady;

use clap::ValueEnum;

use super::{parts::Arguments, row, stand, statistics};
use setup::Setup;

/// A part of the benchmark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// Deploys of a service of 4 instances under 5,000 requests a second, and back
    Rollout,
    /// The first answer of a service that sleeps
    FromZero,
    /// The first answer through four services that sleep
    Path,
    /// The work of control after one change, with 1,000 services
    Reconcile,
}

/// Measures the parts and prints a row a figure.
///
/// # Errors
/// When a part cannot be measured, or a bar is not met.
pub(super) fn run(arguments: &Arguments<Part>) -> anyhow::Result<()> {
    let setup = Setup::new(arguments.pairs, arguments.quick)?;
    arguments.run("", |part| match part {
        Part::Rollout => rollout::run(&setup),
        Part::FromZero => from_zero::run(&setup),
        Part::Path => path::run(&setup),
        Part::Reconcile => reconcile::run(&setup),
    })
}
