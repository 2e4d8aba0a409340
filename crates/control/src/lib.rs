//! Control: holds what is wanted against what is, and tells the engines what to do about the difference.
//!
//! One task, the supervisor, owns every machine and every record in memory. Everything that happens reaches it as an
//! `Input`; everything that takes time runs beside it and comes back as one. It knows engines only by their ports.

mod addresses;
mod api;
mod build;
mod config;
mod environment;
mod explain;
mod findings;
#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "only tests use it")]
mod fixture;
mod free_ports;
mod messaging;
mod records;
#[allow(dead_code, reason = "the pipeline and the rollouts come with the next commits")]
mod release;
mod store;
mod supervisor;

pub use api::{Api, serve};
pub use config::{Config, Engines, HostEnv, ServiceStreams};
pub use messaging::Messaging;
pub use supervisor::{Supervisor, SystemHandle};
