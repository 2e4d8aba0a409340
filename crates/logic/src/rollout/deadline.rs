//! When something is due.

use model::{Timestamp, spec::Wait};

use super::{Phase, Snapshot, machine::MigrationState};

impl Snapshot {
    /// When it goes back, or ends, if nothing goes on until then.
    pub(super) fn standstill_at(&self) -> Option<Timestamp> {
        let is_waiting = !self.paused && !matches!(self.phase, Phase::Ended(_));
        is_waiting.then(|| self.progressed_at + self.plan.progress_deadline)
    }

    pub(super) fn migration_late_at(&self) -> Option<Timestamp> {
        let MigrationState::Running(since) = self.migration else { return None };
        self.plan.migration.as_ref().map(|migration| since + migration.deadline)
    }

    /// All that is due later than now.
    pub(super) fn timers(&self) -> impl Iterator<Item = Timestamp> {
        let instances = self.pairs.iter().flat_map(|pair| {
            let terms = &pair.target.terms;
            pair.new.kept().flat_map(|m| [m.ready_at(terms.min_healthy_time), m.late_at(terms.healthy_deadline)])
        });
        let own = [self.standstill_at(), self.migration_late_at(), self.wait_ends_at()];
        instances.chain(own).flatten().filter(|at| *at > self.seen_at)
    }

    fn wait_ends_at(&self) -> Option<Timestamp> {
        let time = match self.phase {
            Phase::Keeping => self.plan.keep(),
            Phase::Stepping(index) => match self.plan.stage(index).wait {
                Wait::For(time) => time,
                Wait::Person => return None,
            },
            _ => return None,
        };
        self.waits_since.map(|since| since + time)
    }
}
