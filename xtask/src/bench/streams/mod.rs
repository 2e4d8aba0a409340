//! Streams beside nats-server, on the same disk.
//!
//! Servers run on one core, the load tool on another. Contenders take turns in short rounds, as those of the mesh.

mod consume;
mod load;
mod publish;
mod server;
mod setup;
mod size;

use clap::ValueEnum;

use super::{
    parts::Arguments,
    row::{self, Row},
    samples, started, statistics,
};
use setup::Setup;

/// A part of the benchmark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// Durable publish, 128 B, 500 in flight
    Publish,
    /// One publisher that waits for each acknowledgement
    Sync,
    /// Core publish and subscribe, one to one
    Core,
    /// Durable consumer, fetched in batches of 100
    Pull,
    /// Publishing beside 10,000 consumers with filters of their own
    Consumers,
    /// A bucket of 1,000,000 keys
    Keys,
    /// The first answer after `kill -9` of a server with 10 GiB
    Recovery,
}

/// Measures the parts and prints a row a figure.
///
/// # Errors
/// When a part cannot be measured, or a bar is not met.
pub(super) fn run(arguments: &Arguments<Part>) -> anyhow::Result<()> {
    let setup = Setup::new(arguments.pairs, arguments.quick)?;
    arguments.run(&format!("; nats-server {}", setup.peer_version), |part| part.run(&setup))
}

impl Part {
    fn run(self, setup: &Setup) -> anyhow::Result<Vec<Row>> {
        match self {
            Self::Publish => publish::in_flight(setup),
            Self::Sync => publish::one_by_one(setup),
            Self::Core => consume::core(setup),
            Self::Pull => consume::pull(setup),
            Self::Consumers => size::consumers(setup),
            Self::Keys => size::keys(setup),
            Self::Recovery => size::recovery(setup),
        }
    }
}
