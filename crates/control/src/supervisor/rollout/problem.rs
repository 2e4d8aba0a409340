//! Why a rollout goes back: the cause, and the log of the instance that shows it.

use logic::service::Cause;
use model::{InstanceId, spec::Side, status::Trouble};

use super::super::Supervisor;

impl Supervisor {
    /// What is wrong with an instance was found out: it belongs to the rollout if that goes back for it, or may.
    pub(in super::super) fn rollout_trouble(&mut self, id: &InstanceId, trouble: &Trouble) {
        let Some(rollout) = self.active() else { return };
        let Some(instance) = rollout.instance_in(&id.slot.service, id.slot.index) else { return };
        if instance.side == Side::New && rollout.culprit().is_none_or(|culprit| culprit == instance) {
            let cause = match rollout.culprit() {
                Some(_) => trouble.cause.clone(),
                None => format!("{}: {}", id.slot, trouble.cause),
            };
            rollout.problem = Some(Trouble { cause, ..trouble.clone() });
        }
    }

    /// Finds out what is wrong with the instance that the rollout goes back for, if nobody does yet.
    pub(super) fn look_at_problem(&mut self) {
        let Some(rollout) = self.active() else { return };
        if let Some(verdict) = rollout.why_judged() {
            rollout.problem = Some(verdict);
        }
        let Some(rollout) = self.active().filter(|rollout| rollout.problem.is_none()) else { return };
        let Some(culprit) = rollout.culprit().cloned() else { return };
        let Some(slot) = rollout.places.get(&culprit).copied() else { return };
        let last = rollout.machine.cause().map(ToString::to_string).unwrap_or_default();
        rollout.problem = Some(Trouble::new(last.clone(), ""));
        let machine = self.services.get(&culprit.service).map(|service| &service.machine);
        if let Some(id) = machine.and_then(|machine| machine.instance_in(slot)).map(|found| found.id.clone()) {
            self.find_trouble(id, Cause::NotHealthyInTime(last), false);
        }
    }
}
