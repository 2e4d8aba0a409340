//! Control: holds what is wanted against what is, and tells the engines what to do about the difference.
//!
//! One task, the supervisor, owns every machine and every record in memory. Everything that happens reaches it as an
//! `Input`; everything that takes time runs beside it and comes back as one. It knows engines only by their ports.

mod addresses;
mod api;
mod build;
mod config;
mod denied;
mod environment;
mod explain;
mod findings;
#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "only tests use it")]
mod fixture;
mod free_ports;
mod messaging;
mod records;
mod release;
mod secrets;
mod store;
mod supervisor;

pub use api::{Api, serve};
pub use config::{Config, Engines, HostEnv, Recorded, ServiceStreams};
pub use messaging::Ensure;
pub use release::{ReleaseError, Releases, StoreError};
pub use secrets::Secrets;
pub use supervisor::{Supervisor, SystemHandle};
