//! What a request tells breaker and ejection: how its answer begins, and what its end changes about that.

use logic::outcome::{Begun, Outcome, Turned};
use model::Timestamp;

use crate::{call::Call, instance::Local, picker, worker::Worker};

impl Call {
    /// Takes note of how its answer begins, at once: what it opens may last for days.
    pub(crate) fn begins(&self, worker: &Worker, local: &Local, now: Timestamp) {
        let outcome = self.health();
        let instance_run = self.judge(worker, local, outcome);
        let service_run = self.connection.shared.guard.judge(self.passed, Some(outcome), now, || worker.chance());
        self.begun.set(Some(Begun { outcome, at: now, service_run, instance_run }));
    }

    /// Takes note of how an instance did, as far as that is not known; returns its failures in a row before.
    pub(crate) fn judge(&self, worker: &Worker, local: &Local, outcome: Outcome) -> u8 {
        let Some(rule) = &self.connection.shared.outlier else { return 0 };
        let now = worker.recent();
        let turned = match self.begun.get() {
            None if outcome == Outcome::Success && local.shared.outlier_word() == 0 => None,
            None => Some(Turned { outcome, instead_of: None }),
            Some(begun) => self.turned(begun, Some(outcome), now),
        };
        let Some(Turned { outcome, instead_of }) = turned else { return 0 };
        let view = worker.view();
        let Some((all, _)) = view.candidates(worker, self) else { return 0 };
        let resumed = instead_of.map_or(0, |begun| begun.instance_run);
        local.shared.judge(rule, outcome, resumed, now, all.len(), || picker::ejected(all, now))
    }

    /// Takes note of what its end says of the callee, for the breaker.
    pub(crate) fn ends(&self, worker: &Worker, end: Option<Outcome>, now: Timestamp) {
        let (guard, chance) = (&self.connection.shared.guard, || worker.chance());
        let Some(begun) = self.begun.get() else {
            guard.judge(self.passed, end, now, chance);
            return;
        };
        if let Some(turned) = self.turned(begun, end, now) {
            guard.amend(self.passed, begun, turned, now, chance);
        }
    }

    /// What holds for as long as an answer may take to begin was a success.
    fn turned(&self, begun: Begun, end: Option<Outcome>, now: Timestamp) -> Option<Turned> {
        begun.turned(end, now, self.connection.policy().timeout)
    }
}
