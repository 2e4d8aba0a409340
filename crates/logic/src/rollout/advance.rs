//! How a rollout goes on.

use model::{
    Timestamp,
    spec::{Scarce, Side, Wait},
};

use super::{
    Cause, Outcome, Phase, Snapshot, State, Traffic, Verdict,
    machine::MigrationState,
    plan::Stage,
    set::{Member, Pair},
};

impl Snapshot {
    /// Goes as far as it can go now.
    pub(super) fn advance(&mut self, now: Timestamp) {
        loop {
            self.count_progress(now);
            if let Some(cause) = self.failure(now) {
                self.go_back_for(cause, now);
            }
            if !self.step(now) {
                return;
            }
        }
    }

    /// Goes one step, if it can go one now.
    fn step(&mut self, now: Timestamp) -> bool {
        match self.phase {
            Phase::Preparing => self.prepare(now),
            Phase::Rolling => self.roll(now),
            Phase::Stepping(index) => self.stage(index, self.plan.stage(index), now),
            Phase::Keeping => self.keep(now),
            Phase::Retiring => self.retire(now),
            Phase::Restoring => self.go_back(now),
            Phase::Ended(_) => false,
        }
    }

    /// Why it must go back, if it must.
    fn failure(&self, now: Timestamp) -> Option<Cause> {
        if !self.is_forward() {
            return None;
        }
        if self.migration_late_at().is_some_and(|at| at <= now) {
            return Some(Cause::MigrationTooLong);
        }
        let pairs = self.pairs.iter().filter(|_| !self.plan.one_way);
        let broken = pairs.into_iter().find_map(|pair| broken(pair, now));
        broken.or_else(|| self.standstill_at().filter(|at| *at <= now).map(|_| self.standstill()))
    }

    fn standstill(&self) -> Cause {
        match self.phase {
            Phase::Stepping(step) if self.verdict == Some(Verdict::NotEnoughTraffic) => Cause::NotEnoughTraffic(step),
            _ => Cause::Standstill,
        }
    }

    /// An instance that is ready for the first time is progress; there are only so many.
    fn count_progress(&mut self, now: Timestamp) {
        for pair in &mut self.pairs {
            let min = pair.target.terms.min_healthy_time;
            let both = pair.old.0.iter_mut().chain(&mut pair.new.0).filter(|member| member.is_kept());
            for member in both.filter(|member| !member.was_ready && member.is_ready(min)) {
                member.was_ready = true;
                self.progressed_at = self.progressed_at.max(now);
            }
        }
    }

    fn prepare(&mut self, now: Timestamp) -> bool {
        let is_awake = |pair: &Pair| !pair.target.wakes || pair.old.healthy() > 0;
        if !self.is_routed() || !self.pairs.iter().all(is_awake) {
            return false;
        }
        match self.migration {
            MigrationState::Running(_) => false,
            MigrationState::Waiting => {
                self.migration = MigrationState::Running(now);
                let deadline = self.plan.migration.as_ref().map(|migration| migration.deadline);
                self.progressed_at = now + deadline.unwrap_or_default();
                true
            }
            MigrationState::Over => {
                self.route(self.routing.traffic, false);
                let first = if self.promoted { self.plan.last_stage() } else { 0 };
                self.enter(if self.plan.is_rolling() { Phase::Rolling } else { Phase::Stepping(first) }, now);
                true
            }
        }
    }

    fn roll(&mut self, now: Timestamp) -> bool {
        if self.paused || !self.is_routed() {
            return false;
        }
        self.pairs.iter_mut().filter(|pair| pair.target.new > 0).for_each(|pair| replace(pair, now));
        let is_done = |pair: &Pair| pair.target.new == 0 || pair.is_up(pair.target.new as usize);
        let is_replaced = |pair: &Pair| pair.target.new == 0 || pair.old.kept().count() == 0;
        let is_over = self.pairs.iter().all(|pair| is_done(pair) && is_replaced(pair));
        if is_over {
            self.enter(Phase::Retiring, now);
        }
        is_over
    }

    fn stage(&mut self, index: usize, stage: Stage, now: Timestamp) -> bool {
        if self.paused {
            return false;
        }
        for pair in &mut self.pairs {
            (pair.new.0.len()..pair.target.needed(stage.size)).for_each(|_| pair.new.start(now));
        }
        if !self.pairs.iter().all(|pair| pair.is_up(pair.target.needed(stage.size))) {
            return false;
        }
        if self.route(Traffic::Share(stage.weight), false) {
            return true;
        }
        if !self.is_routed() {
            return false;
        }
        let Some(since) = self.waits_since else {
            self.begin_wait(stage.wait, now);
            return true;
        };
        if matches!(stage.wait, Wait::For(time) if now < since + time) {
            return false;
        }
        match (stage.judged, self.verdict) {
            (Some(_), None) | (Some(Scarce::Wait), Some(Verdict::NotEnoughTraffic)) => return false,
            (Some(Scarce::Abort), Some(Verdict::NotEnoughTraffic)) => {
                self.roll_back(Cause::NotEnoughTraffic(index), now);
            }
            _ => self.next_stage(index, now),
        }
        true
    }

    fn begin_wait(&mut self, wait: Wait, now: Timestamp) {
        self.waits_since = Some(now);
        match wait {
            Wait::For(time) => self.progressed_at = now + time,
            Wait::Person => self.paused = true,
        }
    }

    fn next_stage(&mut self, index: usize, now: Timestamp) {
        if index < self.plan.last_stage() {
            self.enter(Phase::Stepping(index + 1), now);
        } else {
            self.enter(Phase::Keeping, now);
            self.begin_wait(Wait::For(self.plan.keep()), now);
        }
    }

    fn keep(&mut self, now: Timestamp) -> bool {
        let is_over = self.waits_since.is_some_and(|since| since + self.plan.keep() <= now);
        let is_up = |pair: &Pair| pair.is_up(pair.target.new as usize);
        let is_done = is_over && !self.paused && self.pairs.iter().all(is_up);
        if is_done {
            self.enter(Phase::Retiring, now);
        }
        is_done
    }

    fn retire(&mut self, now: Timestamp) -> bool {
        self.ending(Side::Old).for_each(|pair| _ = pair.old.stop(|_| true));
        let is_over = self.pairs.iter().all(|pair| pair.old.existing() == 0);
        let is_late = self.standstill_at().is_some_and(|at| at <= now);
        if is_over || is_late {
            self.pairs.iter_mut().for_each(|pair| _ = pair.old.stop(|_| true));
            self.enter(Phase::Ended(Outcome::Promoted), now);
        }
        is_over || is_late
    }

    /// Those whose set of one release may end by now.
    pub(super) fn ending(&mut self, side: Side) -> impl Iterator<Item = &mut Pair> {
        let left = self.pairs.iter().filter(|pair| pair.set(side).existing() > 0);
        let turn = left.map(|pair| pair.rank(side)).min();
        self.pairs.iter_mut().filter(move |pair| turn.is_none_or(|turn| pair.rank(side) <= turn))
    }
}

impl Pair {
    /// Whether so many new instances have been healthy for long enough.
    pub(super) fn is_up(&self, needed: usize) -> bool {
        self.new.ready(self.target.terms.min_healthy_time) >= needed
    }
}

/// Starts new instances and stops old ones as far as the terms allow.
fn replace(pair: &mut Pair, now: Timestamp) {
    let Pair { target, old, new } = pair;
    while new.0.len() < target.new as usize && old.existing() + new.existing() < target.existing_max() {
        new.start(now);
    }
    let ready = new.ready(target.terms.min_healthy_time);
    if ready == 0 && target.terms.max_surge > 0 {
        return;
    }
    while old.kept().count() + ready > target.serving_min() && old.stop_last(Member::is_broken) {}
    while old.healthy() + ready > target.serving_min() && old.stop_last(|_| true) {}
}

fn broken(pair: &Pair, now: Timestamp) -> Option<Cause> {
    let deadline = pair.target.terms.healthy_deadline;
    let new = pair.instances().skip(pair.old.0.len()).filter(|(_, member)| !member.stops);
    new.filter_map(|(instance, member)| match member.state() {
        Some(State::Ended(why)) => Some(Cause::Ended(instance, why.clone())),
        state if member.late_at(deadline).is_some_and(|at| at <= now) => {
            let last = if let Some(State::Unhealthy(why)) = state { why.clone() } else { String::new() };
            Some(Cause::NotHealthyInTime(instance, last))
        }
        _ => None,
    })
    .min()
}
