//! What control must know before it starts.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use crate::{Secrets, release::Release};
use model::{Timestamp, spec::System};
use ports::{
    clock::Clock,
    logs::Logs,
    messages::Messages,
    probes::Probes,
    streams::{KeyValue, Topics},
    tasks::Tasks,
    traffic::Traffic,
    workloads::Workloads,
};

/// Settings, all of them known at the start.
#[derive(Clone)]
pub struct Config {
    /// What runs at first: as the manifest says, or as it was recorded.
    pub system: System,
    /// The manifest: the file that deploys read.
    pub manifest: PathBuf,
    /// The text that `system` comes from, if it was not recorded.
    pub text: String,
    /// The release to go on with, without building anything.
    pub recorded: Option<Recorded>,
    /// Whether the system ran before (`isles up --resume`): then no service that fails ends it as it comes up.
    pub ran_before: bool,
    /// The manifest's folder, absolute.
    pub folder: PathBuf,
    /// The state folder, absolute.
    pub state: PathBuf,
    /// The short folder for sockets.
    pub sockets: PathBuf,
    /// What programs see of the host's environment.
    pub host_env: HostEnv,
    /// Where secrets come from.
    pub secrets: Secrets,
    /// The port of every connection address.
    pub connection_port: u16,
    /// The keeper's process id.
    pub keeper_pid: u32,
    /// When the keeper started, where the host can tell.
    pub up_since: Option<Timestamp>,
    /// This process's id.
    pub platform_pid: u32,
    /// Whether an earlier platform process of the same keeper brought the system up.
    pub resumed: bool,
    /// How many builds run at once.
    pub builds_at_once: usize,
    /// Drives the jitter of health checks and pauses.
    pub seed: u64,
}

/// A release that ran before, read from the store.
#[derive(Clone)]
pub struct Recorded(pub(crate) Arc<Release>);

impl Recorded {
    /// The system that it is.
    pub fn system(&self) -> &System {
        &self.0.system
    }
}

/// `PATH`, `HOME`, `LANG`, `TZ` and `TMPDIR`, those that are set.
pub type HostEnv = BTreeMap<String, String>;

/// The streams of services, as the services see them.
#[derive(Clone)]
pub struct ServiceStreams {
    /// Streams of messages.
    pub topics: Arc<dyn Topics>,
    /// Buckets.
    pub buckets: Arc<dyn KeyValue>,
    /// The server that services reach, if it is in this process.
    pub server: Option<Arc<dyn Messages>>,
}

/// The engines behind the ports.
#[derive(Clone)]
pub struct Engines {
    /// Runs programs.
    pub workloads: Arc<dyn Workloads>,
    /// Reads their logs.
    pub logs: Arc<dyn Logs>,
    /// Carries requests.
    pub traffic: Arc<dyn Traffic>,
    /// Checks instances.
    pub probes: Arc<dyn Probes>,
    /// Remembers.
    pub streams: Arc<dyn KeyValue>,
    /// Topics and the buckets of services; without it no service has to do with them.
    pub messages: Option<ServiceStreams>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Runs what takes time.
    pub tasks: Tasks,
}
