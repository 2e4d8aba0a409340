//! Streams beside nats-server, on the same disk.
//!
//! Servers run on one core, the load tool on another. Contenders take turns in short rounds, as those of the mesh.

mod consume;
mod load;
mod publish;
mod server;
mod setup;
mod size;

use clap::{Args, ValueEnum};

use super::{
    row::{self, Row, line},
    samples, started, statistics,
};
use setup::Setup;

/// What is measured, and how often.
#[derive(Args)]
pub(crate) struct Arguments {
    /// What to measure [default: everything]
    #[arg(value_name = "PART")]
    parts: Vec<Part>,
    /// How many rounds each contender has
    #[arg(long, value_name = "N", default_value_t = 10)]
    pairs: usize,
    /// Only show that everything runs: two short rounds, and small stores
    #[arg(long)]
    quick: bool,
}

/// A part of the benchmark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
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
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let setup = Setup::new(arguments.pairs, arguments.quick)?;
    let load = super::system::load_average()?;
    let parts = if arguments.parts.is_empty() { Part::value_variants() } else { &arguments.parts };
    let (mut rows, mut failed) = (Vec::new(), Vec::new());
    for part in parts {
        eprintln!("xtask: {part:?}");
        match part.run(&setup) {
            Ok(more) => {
                more.iter().for_each(|row| eprint!("{}", line(row)));
                rows.extend(more);
            }
            Err(error) => failed.push(format!("{part:?} cannot be measured: {error:#}")),
        }
    }
    println!("{}; load average {load}; nats-server {}\n", super::system::machine()?, setup.peer_version);
    row::report(&rows, failed)
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
