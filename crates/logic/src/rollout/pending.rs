//! What must be done, from the state alone.

use std::collections::BTreeSet;

use model::spec::Side;

use super::{
    Action, Phase, Snapshot,
    machine::MigrationState,
    set::{Member, Pair},
};

impl Snapshot {
    /// Everything that shall be so, and is not known to be.
    pub(super) fn pending(&self) -> BTreeSet<Action> {
        let routing = (!self.is_routed()).then_some(Action::Route(self.routing));
        let instances = self.pairs.iter().flat_map(|pair| pair.instances()).filter(|(_, member)| !member.is_gone());
        let instances = instances
            .map(|(instance, member)| if member.stops { Action::Stop(instance) } else { Action::Run(instance) });
        let confirm = self.pairs.iter().flat_map(|pair| self.confirm(pair));
        instances
            .chain(confirm)
            .chain(routing)
            .chain(self.migration())
            .chain(self.judge())
            .chain(self.finish())
            // There may be thousands, mostly in order: all at once they fill a tree faster than one by one.
            .collect()
    }

    fn confirm(&self, pair: &Pair) -> impl Iterator<Item = Action> {
        let min = pair.target.terms.min_healthy_time;
        let is_doubtful = move |member: &Member| {
            !member.is_ready(min) && member.ready_at(min).is_some_and(|at| at <= self.seen_at) && !member.stops
        };
        pair.of(Side::New, &pair.new).filter(move |(_, member)| is_doubtful(member)).map(|(i, _)| Action::Confirm(i))
    }

    fn migration(&self) -> Option<Action> {
        let runs = matches!(self.migration, MigrationState::Running(_));
        runs.then_some(if self.is_forward() { Action::Migrate } else { Action::StopMigration })
    }

    fn judge(&self) -> Option<Action> {
        let Phase::Stepping(step) = self.phase else { return None };
        let is_judged = self.waits_since.is_some() && self.plan.stage(step).judged.is_some();
        is_judged.then_some(Action::Judge(step))
    }

    fn finish(&self) -> Option<Action> {
        if let Phase::Ended(outcome) = &self.phase { Some(Action::Finish(outcome.clone())) } else { None }
    }
}
