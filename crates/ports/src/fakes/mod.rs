//! A simulated runtime: every port does at once what it is asked, and counts that.

mod memory;
mod mesh;
mod programs;

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering},
    },
};

use crate::traffic::Routing;
pub use memory::Memory;
pub use mesh::Mesh;
pub use programs::Programs;

/// What was asked of the ports so far.
#[derive(Debug, Default)]
pub struct Counts {
    /// Instances that were started, checked, drained, ended or removed.
    steps: AtomicU64,
    /// Records that were written or deleted.
    records: AtomicU64,
    /// Routing states: of so many changes as the run has, and compared when it is over, for that takes time.
    states: Mutex<Vec<Routing>>,
}

impl Counts {
    /// Forgets everything but the last routing state.
    pub fn reset(&self) {
        self.steps.store(0, Ordering::Relaxed);
        self.records.store(0, Ordering::Relaxed);
        let mut states = self.states();
        let keep = states.len().saturating_sub(1);
        states.drain(..keep);
    }

    /// Steps, records, entries of routing states that are not those of the state before, and routing states.
    pub fn counted(&self) -> [usize; 4] {
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

/// How many entries came, went or changed.
fn differing<K: Ord, V>(before: &BTreeMap<K, V>, after: &BTreeMap<K, V>, same: impl Fn(&V, &V) -> bool) -> usize {
    let new = after.iter().filter(|(key, value)| !before.get(key).is_some_and(|old| same(old, value))).count();
    new + before.keys().filter(|key| !after.contains_key(key)).count()
}
