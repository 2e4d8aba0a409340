//! What an event changes at once.

use model::{Timestamp, spec::Side};

use super::{Cause, Command, Event, Instance, Phase, Report, Snapshot, Traffic, Verdict, machine::MigrationState};

impl Snapshot {
    pub(super) fn note(&mut self, event: Event, now: Timestamp) {
        match event {
            Event::Reported(instance, report) => self.reported(&instance, report, now),
            Event::Routed(epoch) if epoch <= self.routing.epoch => self.acknowledged = self.acknowledged.max(epoch),
            Event::Judged(step, verdict) if self.phase == Phase::Stepping(step) => self.judged(step, verdict, now),
            Event::Migrated(result) => self.migrated(result, now),
            Event::Told(command) => self.told(command, now),
            Event::Superseded => self.go_back_for(Cause::Superseded, now),
            Event::Routed(_) | Event::Judged(..) | Event::Due => {}
        }
    }

    /// Whether it has neither ended the old set for good nor begun to go back.
    pub fn is_forward(&self) -> bool {
        !matches!(self.phase, Phase::Retiring | Phase::Restoring | Phase::Ended(_))
    }

    /// Begins the way back, unless it is itself the way back.
    pub(super) fn roll_back(&mut self, cause: Cause, now: Timestamp) {
        if !self.plan.one_way {
            self.go_back_for(cause, now);
        }
    }

    /// Begins the way back also of one that is one way: it stands still, or another release takes its place.
    pub(super) fn go_back_for(&mut self, cause: Cause, now: Timestamp) {
        if self.is_forward() {
            self.cause = Some(cause);
            self.paused = false;
            self.enter(Phase::Restoring, now);
        }
    }

    pub(super) fn enter(&mut self, phase: Phase, now: Timestamp) {
        (self.phase, self.progressed_at) = (phase, now);
        (self.waits_since, self.verdict) = (None, None);
    }

    /// Routes otherwise, and says whether that is a change.
    pub(super) fn route(&mut self, traffic: Traffic, hold: bool) -> bool {
        let is_other = (self.routing.traffic, self.routing.hold) != (traffic, hold);
        if is_other {
            self.routing = super::Routing { epoch: self.routing.epoch + 1, traffic, hold };
        }
        is_other
    }

    pub(super) fn is_routed(&self) -> bool {
        self.acknowledged == self.routing.epoch
    }

    fn reported(&mut self, instance: &Instance, report: Report, now: Timestamp) {
        let Some(pair) = self.pairs.iter_mut().find(|pair| pair.target.service == instance.service) else { return };
        let set = if instance.side == Side::Old { &mut pair.old } else { &mut pair.new };
        let place = (instance.number as usize).checked_sub(1).and_then(|at| set.0.get_mut(at));
        let Some(member) = place.filter(|member| !member.is_gone()) else { return };
        if member.report.as_ref().is_none_or(|last| (last.seq, last.at) < (report.seq, report.at)) {
            member.report = Some(report);
            if member.is_gone() {
                self.progressed_at = self.progressed_at.max(now);
            }
        }
    }

    fn judged(&mut self, step: usize, verdict: Verdict, now: Timestamp) {
        if self.waits_since.is_none() || self.plan.stage(step).judged.is_none() {
            return;
        }
        self.verdict = Some(verdict);
        if verdict == Verdict::Worse {
            self.roll_back(Cause::Worse(step), now);
        }
    }

    fn migrated(&mut self, result: Result<(), String>, now: Timestamp) {
        if !matches!(self.migration, MigrationState::Running(_)) {
            return;
        }
        self.migration = MigrationState::Over;
        if let Err(why) = result {
            self.roll_back(Cause::MigrationFailed(why), now);
        }
    }

    fn told(&mut self, command: Command, now: Timestamp) {
        match command {
            Command::Abort => self.roll_back(Cause::Aborted, now),
            Command::Rollback => self.roll_back(Cause::RolledBack, now),
            _ if !self.is_forward() => {}
            Command::Pause => self.paused = true,
            Command::Resume => self.resume(now),
            Command::Promote => self.promote(now),
        }
    }

    /// Only the end of a pause is progress: who says it again and again must not put the deadline off.
    fn resume(&mut self, now: Timestamp) {
        if std::mem::take(&mut self.paused) {
            self.progressed_at = self.progressed_at.max(now);
        }
    }

    fn promote(&mut self, now: Timestamp) {
        self.resume(now);
        let last = self.plan.last_stage();
        match self.phase {
            Phase::Preparing => self.promoted = true,
            Phase::Stepping(step) if step < last => self.enter(Phase::Stepping(last), now),
            _ => {}
        }
    }

    /// Whether something waits that a promotion ends.
    pub fn may_promote(&self) -> bool {
        let has_steps = match self.phase {
            Phase::Preparing => !self.promoted && !self.plan.is_rolling() && self.plan.last_stage() > 0,
            Phase::Stepping(step) => step < self.plan.last_stage(),
            _ => false,
        };
        self.is_forward() && (self.paused || has_steps)
    }
}
