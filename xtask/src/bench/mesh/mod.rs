//! The mesh beside nginx, HAProxy and a proxy that only copies bytes.
//!
//! Proxies run on one core, load tools and back ends on another. Contenders take turns in short rounds, and ratios are those of
//! the rounds of one pair, so that what else the host does cancels out.

mod certificate;
mod connections;
mod counts;
mod http1;
mod load;
mod memory;
mod peers;
mod rounds;
mod setup;
mod size;
mod speaker;
mod stage;
mod system;
mod tls;
mod valgrind;

use clap::ValueEnum;

use super::{
    parts::Arguments,
    row::{self, Row},
    samples, started, statistics,
};
use setup::Setup;
use stage::Stage;

/// A part of the benchmark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// CPU of a small GET on 64 connections
    SmallGet,
    /// The slowest requests of the same
    P99,
    /// CPU of a POST of 1 KiB
    #[value(name = "post-1k")]
    Post1k,
    /// CPU of a response of 10 KiB
    #[value(name = "response-10k")]
    Response10k,
    /// Median latency of one connection
    OneConnection,
    /// User-space instructions of a small GET
    Instructions,
    /// Allocations of a small GET
    Allocations,
    /// New connections a second, attested and not
    Connect,
    /// CPU with instances on Unix sockets
    Unix,
    /// CPU of HTTP/2 from clients
    H2In,
    /// How requests of two HTTP/2 connections spread over two workers
    H2Balance,
    /// CPU and handshakes of TLS from clients
    Tls,
    /// Memory of 10,000 idle clients
    Idle,
    /// Memory after a million requests
    Soak,
    /// Time of a routing change with 1,000 instances
    RoutingChange,
    /// Cost of 1,000 instances and of 1,000 routes
    Scale,
}

/// Measures the parts and prints a row a figure.
///
/// # Errors
/// When a part cannot be measured, or a bar is not met.
pub(super) fn run(arguments: &Arguments<Part>) -> anyhow::Result<()> {
    let setup = Setup::new(arguments.pairs, arguments.quick)?;
    let mut stage = None;
    arguments.run("", |part| part.run(&setup, &mut stage))
}

impl Part {
    fn run(self, setup: &Setup, stage: &mut Option<Stage>) -> anyhow::Result<Vec<Row>> {
        match self {
            Self::SmallGet => http1::small_get(setup, staged(setup, stage)?),
            Self::P99 => http1::p99(setup, staged(setup, stage)?),
            Self::Post1k => http1::post_1k(setup, staged(setup, stage)?),
            Self::Response10k => http1::response_10k(setup, staged(setup, stage)?),
            Self::OneConnection => http1::one_connection(setup, staged(setup, stage)?),
            Self::Instructions => counts::instructions(setup),
            Self::Allocations => counts::allocations(setup),
            Self::Connect => connections::connect(setup, staged(setup, stage)?),
            Self::Unix => connections::unix(setup, staged(setup, stage)?),
            Self::H2In => connections::h2_in(setup, staged(setup, stage)?),
            Self::H2Balance => size::h2_balance(setup),
            Self::Tls => tls::run(setup),
            Self::Idle => memory::idle(setup),
            Self::Soak => memory::soak(setup),
            Self::RoutingChange => size::routing_change(setup),
            Self::Scale => size::scale(setup),
        }
    }
}

/// Everything that is compared, started when it is first needed.
fn staged<'a>(setup: &Setup, stage: &'a mut Option<Stage>) -> anyhow::Result<&'a Stage> {
    match stage {
        Some(stage) => Ok(stage),
        None => Ok(stage.insert(Stage::start(setup)?)),
    }
}
