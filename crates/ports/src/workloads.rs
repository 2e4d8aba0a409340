//! Workloads: programs that run, each the root of a process tree with limits and a log of its own.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use async_trait::async_trait;
use model::{InstanceId, ServiceName, spec::Limits};
use tokio::sync::mpsc;

pub use crate::keeper::Exit;

/// The name of a workload.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum WorkloadId {
    /// An instance of a service.
    Instance(InstanceId),
    /// The build of a service.
    Build(ServiceName),
    /// The migration of a service.
    Migration(ServiceName),
}

/// A program to run.
#[derive(Debug, Clone)]
pub struct Workload {
    /// Its name.
    pub id: WorkloadId,
    /// A shell command, run by `sh -c`, with `exec` where it is one simple command.
    pub command: String,
    /// Its whole environment, secrets included.
    pub env: Vec<(String, String)>,
    /// Its working directory.
    pub folder: PathBuf,
    /// What it may use.
    pub limits: Limits,
    /// Values that must not appear in its log: they are replaced by `***`.
    pub secrets: Vec<String>,
}

/// Something that happened to a workload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WorkloadEvent {
    /// Its leader ended and every line that its tree wrote until then is in the log.
    Exited {
        /// Which.
        id: WorkloadId,
        /// How.
        exit: Exit,
        /// Whether the host killed it because it used more memory than its limit.
        out_of_memory: bool,
    },
    /// Somebody asked the whole system to stop, by this signal.
    StopRequested {
        /// The signal's number.
        signal: i32,
    },
    /// The keeper is gone; everything was killed, and the platform must end.
    KeeperGone,
}

/// A workload that ran before this platform process and is still held by the keeper.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Its name.
    pub id: WorkloadId,
    /// The process id of its leader.
    pub pid: u32,
    /// How it ended, if it has.
    pub exit: Option<Exit>,
}

/// Why a workload did not start.
#[derive(Debug, thiserror::Error)]
#[error("{cause}")]
pub struct StartError {
    /// The cause in one line.
    pub cause: String,
    /// What a person can do.
    pub hint: String,
    /// Whether trying again may help.
    pub retry: bool,
}

/// Runs programs.
#[async_trait]
pub trait Workloads: Send + Sync + 'static {
    /// What was running before, adopted. Called once, before anything else.
    async fn adopt(&self) -> Vec<Held>;
    /// Starts a program; returns its process id. When the keeper is gone it does not return: the platform ends.
    async fn start(&self, workload: Workload) -> Result<u32, StartError>;
    /// Asks the leader to end: SIGTERM.
    async fn terminate(&self, id: &WorkloadId);
    /// Kills the whole process tree, daemons included; returns when none of it is left or the host cannot tell.
    async fn kill(&self, id: &WorkloadId);
    /// Gives up what is kept of an ended workload, after killing what its leader left behind. Its log stays.
    async fn remove(&self, id: &WorkloadId);
    /// Where the workload's processes listen on TCP.
    async fn listening(&self, id: &WorkloadId) -> Vec<SocketAddr>;
    /// The memory that the tree uses, in bytes, where the host can tell.
    fn memory_bytes(&self, id: &WorkloadId) -> Option<u64>;
    /// The processor time that the tree has used since it began, where the host can tell.
    fn cpu_time(&self, id: &WorkloadId) -> Option<Duration>;
    /// What the host cannot do, a sentence each (limits, cgroups …).
    fn notices(&self) -> Vec<String>;
    /// Ends the keeper, and with it this process.
    async fn stop_keeper(&self, code: u8);
}

/// The events of the workloads, in order. Bounded: the engine waits when it is full.
pub type WorkloadEvents = mpsc::Receiver<WorkloadEvent>;
