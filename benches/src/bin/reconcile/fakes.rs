//! A simulated runtime: every port does at once what it is asked, and counts that.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use model::{
    Epoch, InstanceId, ServiceName,
    api::LogLine,
    figures::{ConnectionFigures, EntryFigures, TlsFigures},
    status::Failure,
};
use ports::{
    logs::{LogSelection, Logs},
    probes::{Probe, ProbeFailure, Probes},
    traffic::{Drained, Load, Routing, SideFigures, Traffic},
    workloads::{Exit, Held, StartError, Workload, WorkloadEvent, WorkloadId, Workloads},
};
use tokio::sync::mpsc;

const PID: u32 = 1;

/// What was asked of the ports so far.
#[derive(Default)]
pub(super) struct Counts {
    /// Instances that were started, checked, drained, ended or removed.
    pub(super) steps: AtomicU64,
    /// Records that were written or deleted.
    pub(super) records: AtomicU64,
    /// Routing states: of so many changes as the run has, and compared when it is over, for that takes time.
    states: Mutex<Vec<Routing>>,
}

impl Counts {
    /// Forgets everything but the last routing state.
    pub(super) fn reset(&self) {
        self.steps.store(0, Ordering::Relaxed);
        self.records.store(0, Ordering::Relaxed);
        let mut states = self.states();
        let keep = states.len().saturating_sub(1);
        states.drain(..keep);
    }

    /// Steps, records, entries of routing states that are not those of the state before, and routing states.
    pub(super) fn counted(&self) -> [usize; 4] {
        let read = |counter: &AtomicU64| usize::try_from(counter.load(Ordering::Relaxed)).unwrap_or(usize::MAX);
        let states = self.states();
        let entries = states.windows(2).map(|pair| touched(&pair[0], &pair[1])).sum();
        [read(&self.steps), read(&self.records), entries, states.len().saturating_sub(1)]
    }

    fn step(&self) {
        self.steps.fetch_add(1, Ordering::Relaxed);
    }

    fn states(&self) -> MutexGuard<'_, Vec<Routing>> {
        self.states.lock().expect("no holder of the lock panics")
    }
}

fn touched(before: &Routing, after: &Routing) -> usize {
    let upstreams = differing(&before.services, &after.services, Arc::ptr_eq);
    upstreams + differing(&before.connections, &after.connections, PartialEq::eq)
}

/// Programs, health checks and logs.
pub(super) struct Programs {
    pub(super) counts: Arc<Counts>,
    pub(super) events: mpsc::Sender<WorkloadEvent>,
}

impl Programs {
    async fn end(&self, id: &WorkloadId) {
        self.counts.step();
        let event = WorkloadEvent::Exited { id: id.clone(), exit: Exit::Code(0), out_of_memory: false };
        // Whoever does not listen any more has ended.
        let _ = self.events.send(event).await;
    }
}

#[async_trait]
impl Workloads for Programs {
    async fn adopt(&self) -> Vec<Held> {
        Vec::new()
    }

    async fn start(&self, _: Workload) -> Result<u32, StartError> {
        self.counts.step();
        Ok(PID)
    }

    async fn terminate(&self, id: &WorkloadId) {
        self.end(id).await;
    }

    async fn kill(&self, id: &WorkloadId) {
        self.end(id).await;
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

/// A mesh that keeps the routing states.
pub(super) struct Mesh(pub(super) Arc<Counts>);

#[async_trait]
impl Traffic for Mesh {
    async fn apply(&self, routing: Routing) -> Epoch {
        self.0.states().push(routing);
        Epoch::default()
    }

    async fn drain(&self, _: &InstanceId, _: Duration) -> Drained {
        self.0.step();
        Drained::Exactly
    }

    fn in_flight(&self, _: &InstanceId) -> u32 {
        0
    }

    fn connections(&self) -> Vec<ConnectionFigures> {
        Vec::new()
    }

    fn entries(&self) -> Vec<EntryFigures> {
        Vec::new()
    }

    fn tls_figures(&self) -> Option<TlsFigures> {
        None
    }

    fn failures(&self, _: &ServiceName) -> Vec<Failure> {
        Vec::new()
    }

    fn compare(&self, _: &ServiceName) -> Option<[SideFigures; 2]> {
        None
    }

    fn load(&self, _: &ServiceName) -> Load {
        Load::default()
    }

    async fn awaited(&self) -> BTreeSet<ServiceName> {
        std::future::pending().await
    }

    fn notices(&self) -> Vec<String> {
        Vec::new()
    }
}

/// How many entries came, went or changed.
fn differing<K: Ord, V>(before: &BTreeMap<K, V>, after: &BTreeMap<K, V>, same: impl Fn(&V, &V) -> bool) -> usize {
    let new = after.iter().filter(|(key, value)| !before.get(key).is_some_and(|old| same(old, value))).count();
    new + before.keys().filter(|key| !after.contains_key(key)).count()
}
