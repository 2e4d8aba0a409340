//! Logs: the lines that programs wrote.

use async_trait::async_trait;
use model::{ServiceName, Timestamp, api::LogLine};
use tokio::sync::mpsc;

use crate::workloads::WorkloadId;

/// Which lines.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogSelection {
    /// The services; all if empty.
    pub services: Vec<ServiceName>,
    /// Lines from this moment on.
    pub since: Option<Timestamp>,
    /// At most so many of the last lines.
    pub tail: Option<usize>,
    /// Whether to go on with new lines.
    pub follow: bool,
}

/// Reads logs.
#[async_trait]
pub trait Logs: Send + Sync + 'static {
    /// The last `count` lines of one workload, oldest first.
    async fn tail(&self, id: &WorkloadId, count: usize) -> Vec<String>;
    /// The selected lines, merged by time. With `follow` the channel stays open. A slow reader of followed lines
    /// loses lines rather than holding up a program; what it lost is said in a line.
    async fn read(&self, selection: LogSelection) -> mpsc::Receiver<LogLine>;
    /// Writes a line of Isles' own into a workload's log.
    fn note(&self, id: &WorkloadId, text: &str);
}
