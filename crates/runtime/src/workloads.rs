//! The ports that the engine implements.

use std::{net::SocketAddr, sync::atomic::Ordering, time::Duration};

use async_trait::async_trait;
use model::api::LogLine;
use ports::{
    keeper::Whom,
    logs::{LogSelection, Logs},
    workloads::{Held, StartError, Workload, WorkloadId, Workloads},
};
use rustix::process::Signal;
use tokio::sync::mpsc;

use crate::{
    memory, network, processor,
    runtime::Runtime,
    workload::{key_of, run_of},
};

#[async_trait]
impl Workloads for Runtime {
    async fn adopt(&self) -> Vec<Held> {
        self.take_over().await
    }

    async fn start(&self, workload: Workload) -> Result<u32, StartError> {
        self.begin(workload).await
    }

    async fn terminate(&self, id: &WorkloadId) {
        let _ = self.keeper.signal(&key_of(id), Signal::TERM.as_raw(), Whom::Leader).await;
    }

    async fn kill(&self, id: &WorkloadId) {
        if let Some(running) = self.find(id) {
            self.kill_tree(&running).await;
        }
    }

    async fn remove(&self, id: &WorkloadId) {
        if let Some(running) = self.find(id) {
            self.remove_all_of(&running).await;
        }
    }

    async fn listening(&self, id: &WorkloadId) -> Vec<SocketAddr> {
        self.find(id).map_or(Vec::new(), |running| network::listening(&running.pids()))
    }

    fn memory_bytes(&self, id: &WorkloadId) -> Option<u64> {
        let running = self.find(id)?;
        running.group.memory_bytes().or_else(|| memory::resident_bytes(&running.pids()))
    }

    fn cpu_time(&self, id: &WorkloadId) -> Option<Duration> {
        let running = self.find(id)?;
        running.group.cpu_time().or_else(|| processor::time(&running.pids()))
    }

    fn notices(&self) -> Vec<String> {
        [self.cgroups.notices(), self.logs.notices()].concat()
    }

    async fn stop_keeper(&self, code: u8) {
        self.is_stopping.store(true, Ordering::Relaxed);
        let _ = self.keeper.stop(code).await;
    }
}

#[async_trait]
impl Logs for Runtime {
    async fn tail(&self, id: &WorkloadId, count: usize) -> Vec<String> {
        self.logs.tail(id, count)
    }

    async fn read(&self, selection: LogSelection) -> mpsc::Receiver<LogLine> {
        self.logs.clone().read(selection, &self.tasks)
    }

    fn note(&self, id: &WorkloadId, text: &str) {
        let lines = text.lines().map(|line| format!("isles: {line}"));
        self.logs.append(&self.logs.of(id), run_of(id), |each| lines.for_each(|line| each(line.as_bytes())));
    }
}
