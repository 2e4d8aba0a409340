//! Programs that are healthy from their start until they are told to end.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use async_trait::async_trait;
use model::api::LogLine;
use tokio::sync::mpsc;

use super::Counts;
use crate::{
    logs::{LogSelection, Logs},
    probes::{Probe, ProbeFailure, Probes},
    workloads::{Exit, Held, StartError, Workload, WorkloadEvent, WorkloadId, Workloads},
};

const PID: u32 = 1;
const SIGKILL: i32 = 9;

/// Programs, health checks and logs.
#[derive(Debug)]
pub struct Programs {
    /// Where their steps are counted.
    pub counts: Arc<Counts>,
    /// Hears of their ends.
    pub events: mpsc::Sender<WorkloadEvent>,
    /// What runs from the beginning.
    pub held: Vec<Held>,
}

impl Programs {
    async fn end(&self, id: &WorkloadId, exit: Exit) {
        self.counts.step();
        let event = WorkloadEvent::Exited { id: id.clone(), exit, out_of_memory: false };
        // Whoever does not listen any more has ended.
        let _ = self.events.send(event).await;
    }
}

#[async_trait]
impl Workloads for Programs {
    async fn adopt(&self) -> Vec<Held> {
        self.held.clone()
    }

    async fn start(&self, _: Workload) -> Result<u32, StartError> {
        self.counts.step();
        Ok(PID)
    }

    async fn terminate(&self, id: &WorkloadId) {
        self.end(id, Exit::Code(0)).await;
    }

    async fn kill(&self, id: &WorkloadId) {
        self.end(id, Exit::Signal(SIGKILL)).await;
    }

    async fn remove(&self, _: &WorkloadId) {
        self.counts.step();
    }

    async fn listening(&self, _: &WorkloadId) -> Vec<SocketAddr> {
        Vec::new()
    }

    fn cpu_time(&self, _: &WorkloadId) -> Option<Duration> {
        None
    }

    fn memory_bytes(&self, _: &WorkloadId) -> Option<u64> {
        None
    }

    fn notices(&self) -> Vec<String> {
        Vec::new()
    }

    async fn stop_keeper(&self, _: u8) {}
}

#[async_trait]
impl Probes for Programs {
    async fn probe(&self, _: Probe) -> Result<(), ProbeFailure> {
        self.counts.step();
        Ok(())
    }
}

#[async_trait]
impl Logs for Programs {
    async fn tail(&self, _: &WorkloadId, _: usize) -> Vec<String> {
        Vec::new()
    }

    async fn read(&self, _: LogSelection) -> mpsc::Receiver<LogLine> {
        mpsc::channel(1).1
    }

    fn note(&self, _: &WorkloadId, _: &str) {}
}
