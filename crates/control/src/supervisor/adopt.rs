//! Takes over what an earlier platform process left running.

use logic::service::Event;
use model::{InstanceId, ServiceName, Timestamp};
use ports::{
    traffic::Target,
    workloads::{Held, WorkloadEvent, WorkloadId},
};

use super::{Supervisor, input::Input, service::InstanceState};
use crate::records::{InstanceRecord, Remembered};

impl Supervisor {
    /// Instances that run, are known and need not be replaced go on, and the end of one that a rollout is about is noticed; everything else that the keeper holds is removed, and so are
    /// the records of what no longer runs.
    pub(super) async fn adopt(&mut self, remembered: &Remembered, held: Vec<Held>) {
        let mut running = std::collections::BTreeSet::new();
        for one in held {
            if let WorkloadId::Instance(id) = &one.id
                && (one.exit.is_none() || self.is_of_rollout(id))
                && let Some(record) = remembered.instances.get(id)
                && let Some(record) = self.of_its_slot(id, record.clone()).await
            {
                running.insert(id.clone());
                self.adopt_instance(id, record, one.pid);
                if let Some(exit) = one.exit {
                    let ended = WorkloadEvent::Exited { id: one.id, exit, out_of_memory: false };
                    self.take(Input::Workload(ended));
                }
            } else if let WorkloadId::Migration(name) = &one.id
                && self.adopt_migration(name, self.began_at(name, remembered), one.exit)
            {
            } else {
                self.engines.workloads.kill(&one.id).await;
                self.engines.workloads.remove(&one.id).await;
            }
        }
        self.forget_ended_builds();
        for id in remembered.instances.keys().filter(|id| !running.contains(*id)) {
            // A record that stays does no harm: it is looked at again at the next start.
            let _ = self.records.forget_instance(id).await;
        }
    }

    /// When the service's migration began; now if that is not known, for the record of an older version.
    fn began_at(&self, name: &ServiceName, remembered: &Remembered) -> Timestamp {
        remembered.migrations.get(name).copied().unwrap_or_else(|| self.now())
    }

    /// Whether its end says something about a release that is rolled out.
    fn is_of_rollout(&self, id: &InstanceId) -> bool {
        self.services.get(&id.slot.service).is_some_and(|service| service.others.contains_key(&id.slot.index))
    }

    /// The record of an instance that may go on under the bundle of its slot, as far as that is known: it is one of that from now on.
    async fn of_its_slot(&self, id: &InstanceId, record: InstanceRecord) -> Option<InstanceRecord> {
        let Some(bundle) = self.services.get(&id.slot.service)?.bundle(id.slot.index) else { return Some(record) };
        if !self.releases.may_go_on(&record.bundle, bundle).await {
            return None;
        }
        let adjusted = InstanceRecord { bundle: bundle.id.clone(), ..record.clone() };
        if adjusted != record {
            // A record that stays as it was does no harm as long as the bundle that it names is kept.
            let _ = self.records.put_instance(id, &adjusted).await;
        }
        Some(adjusted)
    }

    /// The ends of the builds removed here are among the events by now. A new build must not take one for its own.
    fn forget_ended_builds(&mut self) {
        while let Ok(event) = self.workload_events.try_recv() {
            if !matches!(event, WorkloadEvent::Exited { id: WorkloadId::Build(_), .. }) {
                // The inputs are empty so far, and hold more than the events can.
                let _ = self.sender.try_send(Input::Workload(event));
            }
        }
    }

    fn adopt_instance(&mut self, id: &InstanceId, record: InstanceRecord, pid: u32) {
        if let Some(Target::Tcp(address)) = record.target() {
            self.free_ports.keep(address.port());
        }
        let healthy_since = record.healthy_since;
        let Some(service) = self.services.get_mut(&id.slot.service) else { return };
        service.instances.insert(id.clone(), InstanceState::new(record, Some(pid)));
        self.connect_slot(id);
        self.note(&id.slot.service, Some(id), format!("taken over with pid {pid}"));
        self.tell(&id.slot.service, Event::Adopted(id.clone(), healthy_since));
    }
}
