//! `cargo xtask bench`: measures the figures that the documentation promises. Never part of the tests.

mod deploy;
mod figure;
mod mesh;
mod parts;
mod process;
mod recovery;
mod row;
mod samples;
mod shop;
mod speaker;
mod stand;
mod started;
mod statistics;
mod streams;
mod system;

use clap::Subcommand;

/// What can be measured.
#[derive(Subcommand)]
pub(crate) enum Bench {
    /// The whole platform at rest and at its start: the table of docs/performance.md
    System,
    /// The mesh beside nginx and HAProxy: the table of docs/performance.md
    Mesh(parts::Arguments<mesh::Part>),
    /// Streams beside nats-server: the table of docs/performance.md
    Streams(parts::Arguments<streams::Part>),
    /// Deploys under load, services that wake, and what a change costs: the table of docs/performance.md
    Deploy(parts::Arguments<deploy::Part>),
}

/// Measures, and prints one row a figure.
///
/// # Errors
/// When something cannot be measured, or a bound does not hold.
pub(crate) fn run(bench: &Bench) -> anyhow::Result<()> {
    match bench {
        Bench::System => system::run(),
        Bench::Mesh(arguments) => mesh::run(arguments),
        Bench::Streams(arguments) => streams::run(arguments),
        Bench::Deploy(arguments) => deploy::run(arguments),
    }
}
