//! Settings of the engine.

use std::path::PathBuf;

use crate::{cgroups::Hierarchies, logs::LogLimits};

/// What the engine must know before it starts.
#[derive(Debug, Clone)]
pub struct RuntimeConfig {
    /// The folder of the logs.
    pub logs_folder: PathBuf,
    /// How large they become.
    pub log_limits: LogLimits,
    /// A name of the system that is unique on the host and fit for a folder; the same at every start.
    pub system_id: String,
    /// Below which cgroups the system's own are made.
    pub cgroups: Hierarchies,
}

impl RuntimeConfig {
    /// Logs of the usual size, and cgroups below those of this process.
    pub fn new(logs_folder: PathBuf, system_id: String) -> Self {
        Self { logs_folder, log_limits: LogLimits::default(), system_id, cgroups: Hierarchies::find() }
    }
}
