//! The runtime engine: programs as processes below the keeper, each with its cgroups and its log. It implements
//! `ports::keeper`, `ports::workloads`, `ports::identity` and `ports::logs`.

mod cgroups;
mod client;
mod command_line;
mod config;
mod identities;
mod logs;
mod memory;
mod network;
mod output;
mod peer;
mod processor;
mod run_folder;
mod runtime;
mod start_error;
mod watch;
mod workload;
mod workloads;

pub use cgroups::Hierarchies;
pub use client::{ConnectError, HeldProcess, Inventory, KeeperClient, KeeperEvent, KeeperEvents, connect};
pub use command_line::command_line;
pub use config::RuntimeConfig;
pub use logs::LogLimits;
pub use network::port_owner;
pub use run_folder::run_folder;
pub use runtime::Runtime;
