//! One slot of a service.

use std::sync::Arc;

use model::{InstanceId, Timestamp};

use super::{Cause, Instance, Settings};

/// One slot.
#[derive(Debug)]
pub(super) struct SlotState {
    /// Those of its instances.
    pub(super) settings: Arc<Settings>,
    /// Oldest first; two while a restart replaces one by the other.
    pub(super) instances: Vec<Instance>,
    pub(super) last_run: u64,
    /// In a row.
    pub(super) failures: u32,
    /// In all.
    pub(super) crashes: u32,
    /// The last one.
    pub(super) failure: Option<Cause>,
    /// Whether its instance ended by itself, and no other shall follow.
    pub(super) over: bool,
    pub(super) retry_at: Option<Timestamp>,
    pub(super) timer: Option<Timestamp>,
}

impl SlotState {
    pub(super) fn new(settings: Arc<Settings>, last_run: u64) -> Self {
        Self {
            settings,
            instances: Vec::new(),
            last_run,
            failures: 0,
            crashes: 0,
            failure: None,
            over: false,
            retry_at: None,
            timer: None,
        }
    }

    pub(super) fn deadline(&self) -> Option<Timestamp> {
        let instances = self.instances.iter().flat_map(|i| [i.deadline, i.probe_at]);
        instances.chain([self.retry_at.filter(|_| self.instances.is_empty())]).flatten().min()
    }

    pub(super) fn find(&mut self, id: &InstanceId) -> Option<&mut Instance> {
        self.instances.iter_mut().find(|instance| instance.id == *id)
    }

    /// Why nothing is left in it.
    pub(super) fn end(self) -> Cause {
        self.failure.filter(|_| self.over).unwrap_or(Cause::Interrupted)
    }
}
