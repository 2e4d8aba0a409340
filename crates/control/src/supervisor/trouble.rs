//! Finds out what is wrong: the cause, where the program listens instead, and the last lines of its log.

use logic::{
    service::{Cause, Phase},
    transcript,
};
use model::{InstanceId, ServiceName, status::SystemPhase, status::Trouble};
use ports::{probes::ProbeFailure, workloads::WorkloadId};

use super::{Supervisor, input::Input};
use crate::explain;

/// The lines of a log that are shown.
const LOG_LINES: usize = 40;

impl Supervisor {
    pub(super) fn find_trouble(&mut self, id: InstanceId, cause: Cause, give_up: bool) {
        let service = self.services.get(&id.slot.service);
        let instance = service.and_then(|service| service.instances.get(&id));
        let target = instance.and_then(|instance| instance.record.target());
        let checks = instance.map_or_else(Vec::new, |instance| instance.transcript.last());
        let bundle = service.and_then(|service| service.bundle(id.slot.index));
        let is_built = bundle.is_some_and(|bundle| bundle.spec.build.is_some());
        // An end, or a start that failed, was noted when it was heard of.
        if !matches!(cause, Cause::Ended(_) | Cause::NotStarted { .. }) {
            self.note(&id.slot.service, Some(&id), cause.to_string());
        }
        let (workloads, logs) = (self.engines.workloads.clone(), self.engines.logs.clone());
        self.beside("trouble", async move {
            let workload = WorkloadId::Instance(id.clone());
            let checked = matches!(cause, Cause::NotHealthyInTime(_) | Cause::CheckFails(_));
            let listening = if checked { workloads.listening(&workload).await } else { Vec::new() };
            let log = logs.tail(&workload, LOG_LINES).await;
            let trouble = Trouble { checks, ..explain::trouble(&cause, is_built, target.as_ref(), &listening, log) };
            Input::Trouble(id, trouble, give_up)
        });
    }

    /// Remembers what a health check met.
    pub(super) fn note_check(&mut self, id: &InstanceId, failure: Option<&ProbeFailure>) {
        let said = failure.and_then(|failure| Some((self.asked(id)?, self.answer(id, failure))));
        let now = self.now();
        let service = self.services.get_mut(&id.slot.service);
        let Some(instance) = service.and_then(|service| service.instances.get_mut(id)) else { return };
        let Some((asked, answer)) = said else { return instance.transcript.passed() };
        let since_start = now.since(instance.record.started_at);
        instance.transcript.failed(u64::try_from(since_start.as_millis()).unwrap_or(u64::MAX), asked, answer);
    }

    fn asked(&self, id: &InstanceId) -> Option<String> {
        Some(self.services.get(&id.slot.service)?.probe(id)?.to_string())
    }

    fn answer(&self, id: &InstanceId, failure: &ProbeFailure) -> Vec<String> {
        let ProbeFailure::Status(answered) = failure else { return vec![failure.to_string()] };
        let bundle = self.services.get(&id.slot.service).and_then(|service| service.bundle(id.slot.index));
        let known = bundle.filter(|bundle| self.has_secrets(&id.slot.service, bundle));
        // As long as its secrets are not known, nobody can tell whether they are in it.
        let Some(bundle) = known else { return transcript::lines(&answered.line, &[], false, &[]) };
        let secrets = self.hidden(&id.slot.service, bundle);
        transcript::lines(&answered.line, &answered.body, answered.is_cut(), &secrets)
    }

    pub(super) fn found_trouble(&mut self, id: &InstanceId, trouble: Trouble, give_up: bool) {
        let name = &id.slot.service;
        self.rollout_trouble(id, &trouble);
        let Some(service) = self.services.get_mut(name).filter(|s| s.machine.is_wanted(id.slot.index)) else { return };
        let healthy_since = |run: u64| run >= id.run;
        let mut slot = service.machine.instances().filter(|(i, _)| i.id.slot == id.slot);
        if slot.any(|(i, _)| i.phase == Phase::Healthy && healthy_since(i.id.run)) {
            return;
        }
        drop(slot);
        service.troubles.insert(id.slot.index, (id.run, trouble.clone()));
        // What becomes of a service that is rolled out is for the rollout to say.
        if !give_up || self.is_rolled_out(name) {
            return;
        }
        // It was healthy once, and may be again as soon as what it needs has come up too: after a boot all starts at once.
        if self.config.ran_before {
            self.note_up();
        } else {
            self.cannot_come_up(&name.clone(), trouble);
        }
    }

    /// While the system comes up for the first time, a service that cannot ends it all.
    pub(super) fn cannot_come_up(&mut self, name: &ServiceName, mut trouble: Trouble) {
        if self.phase == SystemPhase::Starting && self.stop.is_none() {
            trouble.cause = format!("`{name}` cannot come up: {}", trouble.cause);
            self.problem = Some(trouble);
            self.begin_stop(1);
        }
    }

    /// The host refuses to keep a record: the system goes on, and says so.
    pub(super) fn cannot_remember(&mut self, cause: String) {
        self.notices.insert(format!("a record could not be written ({cause}): after a restart it is missing"));
    }
}
