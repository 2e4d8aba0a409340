//! Takes over what an earlier platform process left running.

use logic::service::Event;
use ports::{
    traffic::Target,
    workloads::{Held, WorkloadEvent, WorkloadId},
};

use super::{Supervisor, input::Input, service::InstanceState};
use crate::records::Remembered;

impl Supervisor {
    /// Instances that run and are known, of the bundle that their slot is for, go on; everything else that the keeper holds is removed, and so are the
    /// records of what no longer runs.
    pub(super) async fn adopt(&mut self, remembered: &Remembered, held: Vec<Held>) {
        let mut running = std::collections::BTreeSet::new();
        for one in held {
            if let WorkloadId::Instance(id) = &one.id
                && one.exit.is_none()
                && let Some(record) = remembered.instances.get(id)
                && self.services.get(&id.slot.service).is_some_and(|service| service.may_run(id, &record.bundle))
            {
                running.insert(id.clone());
                self.adopt_instance(id, record.clone(), one.pid);
            } else if let WorkloadId::Migration(name) = &one.id
                && self.adopt_migration(name, one.exit)
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

    /// The ends of the builds removed here are among the events by now. A new build must not take one for its own.
    fn forget_ended_builds(&mut self) {
        while let Ok(event) = self.workload_events.try_recv() {
            if !matches!(event, WorkloadEvent::Exited { id: WorkloadId::Build(_), .. }) {
                // The inputs are empty so far, and hold more than the events can.
                let _ = self.sender.try_send(Input::Workload(event));
            }
        }
    }

    fn adopt_instance(&mut self, id: &model::InstanceId, record: crate::records::InstanceRecord, pid: u32) {
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
