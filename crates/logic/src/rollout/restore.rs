//! How a rollout goes back.

use model::{Timestamp, spec::Side};

use super::{
    Outcome, Phase, Snapshot, Traffic,
    machine::MigrationState,
    set::{Member, Pair},
};

/// How many times its size the old set is started at the most, while its instances end again.
const STARTS_MAX: usize = 3;

impl Snapshot {
    /// Goes back as far as it can go now.
    pub(super) fn go_back(&mut self, now: Timestamp) -> bool {
        let is_late = self.standstill_at().is_some_and(|at| at <= now);
        if matches!(self.migration, MigrationState::Running(_)) && !is_late {
            return false;
        }
        self.route(if self.plan.is_rolling() { Traffic::Alike } else { Traffic::Share(0) }, false);
        if self.is_routed() {
            self.restore_sets(now);
        }
        let is_whole = self.is_routed() && self.pairs.iter().all(is_whole);
        if let Some(cause) = self.cause.clone().filter(|_| is_whole || is_late) {
            self.pairs.iter_mut().for_each(|pair| _ = pair.new.stop(|_| true));
            self.enter(Phase::Ended(Outcome::RolledBack { cause, whole: is_whole }), now);
        }
        is_whole || is_late
    }

    fn restore_sets(&mut self, now: Timestamp) {
        let is_rolling = self.plan.is_rolling();
        for pair in self.ending(Side::New) {
            if is_rolling {
                bring_back(pair, now);
            } else {
                pair.new.stop(|_| true);
            }
        }
    }
}

/// Starts old instances and stops new ones as far as the terms allow. What does not serve goes at once.
fn bring_back(pair: &mut Pair, now: Timestamp) {
    let Pair { target, old, new } = pair;
    let wanted = target.old as usize;
    new.stop(|member| !member.is_healthy());
    let room = target.existing_max().saturating_sub(old.existing() + new.existing());
    let left = (wanted * STARTS_MAX).saturating_sub(old.0.len());
    (old.kept().count()..wanted).take(room.min(left)).for_each(|_| old.start(now));
    while old.healthy() + new.healthy() > target.serving_min() && new.stop_last(Member::is_healthy) {}
}

fn is_whole(pair: &Pair) -> bool {
    pair.new.existing() == 0 && pair.old.healthy() == pair.target.old as usize
}
