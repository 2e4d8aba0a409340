//! A world of instances, workers and messages that are late, lost, repeated and out of order, and a platform that
//! crashes between any two of its steps. What a rollout promises is checked at every action that it asks for.

use std::collections::BTreeMap;

use super::*;

/// What goes wrong.
#[derive(Debug, Clone, Default)]
pub(super) struct Trouble {
    /// How new instances fare, by number from 1; beyond it they are well.
    pub(super) fates: Vec<Fate>,
    /// Of 100 messages, so many are lost, and so many come twice.
    pub(super) lost: u8,
    pub(super) twice: u8,
    /// Of 100 events, so many are followed by a crash.
    pub(super) crashes: u8,
    /// Whether old instances fail now and then, and are started again.
    pub(super) old_fail: bool,
    pub(super) verdict: Option<Verdict>,
    pub(super) migration_fails: bool,
    /// What persons and other deploys do, and when.
    pub(super) said: Vec<(u64, Event)>,
}

/// How an instance fares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Well,
    NeverHealthy,
    /// It ends before it is healthy.
    EndsEarly,
    /// It ends when it has been healthy for half a second.
    EndsSoon,
    /// It ends when the old set does, and there is no way back. Who carries the end out starts it again.
    EndsLate,
}

struct Slot {
    report: Report,
    was_healthy: bool,
    stops: bool,
}

#[derive(Clone)]
enum Happening {
    Deliver(Event),
    Change(Instance, State),
}

pub(super) struct World {
    plan: Plan,
    pub(super) machine: Machine,
    trouble: Trouble,
    rng: fastrand::Rng,
    now: Timestamp,
    slots: BTreeMap<Instance, Slot>,
    later: BTreeMap<(Timestamp, u64), Happening>,
    order: u64,
    migrated: Option<Result<(), String>>,
    pub(super) migrations: u32,
    routing: Option<Routing>,
    pub(super) finished: Option<Outcome>,
    retires: bool,
}

impl World {
    pub(super) fn new(plan: Plan, trouble: Trouble, seed: u64) -> Self {
        let machine = Machine::new(plan.clone(), START).expect("a plan");
        let mut world = Self {
            machine,
            rng: fastrand::Rng::with_seed(seed),
            now: START,
            slots: BTreeMap::new(),
            later: BTreeMap::new(),
            order: 0,
            migrated: None,
            migrations: 0,
            routing: None,
            finished: None,
            retires: false,
            plan,
            trouble,
        };
        for target in world.plan.targets.clone() {
            for number in 1..=target.old {
                let instance = Instance { service: target.service.clone(), side: Side::Old, number };
                let report = Report { seq: 1, state: State::Healthy, since: START, at: START };
                world.slots.insert(instance.clone(), Slot { report, was_healthy: true, stops: false });
                world.may_fail(&instance);
            }
        }
        for (second, event) in world.trouble.said.clone() {
            world.push(seconds(second), Happening::Deliver(event));
        }
        world
    }

    /// Runs until it is over, or a person must speak.
    pub(super) fn run(&mut self) {
        let end = self.now + seconds(100_000);
        self.handle(Event::Due);
        while self.finished.is_none() && !self.waits_for_a_person() {
            let next = self.later.first_key_value().map(|((at, _), _)| *at);
            let due = self.machine.deadline();
            let soonest = next.into_iter().chain(due).min().expect("a state that nothing ends");
            self.now = soonest.max(self.now);
            assert!(self.now < end, "it never ends: {:?}", self.machine.snapshot());
            if next == Some(soonest)
                && let Some((_, happening)) = self.later.pop_first()
            {
                self.happen(happening);
            } else {
                self.handle(Event::Due);
            }
        }
    }

    fn waits_for_a_person(&self) -> bool {
        let speaks =
            |happening: &Happening| matches!(happening, Happening::Deliver(Event::Told(_) | Event::Superseded));
        let standstill = self.machine.standstill_at();
        assert!(standstill.is_some() || self.machine.is_paused() || matches!(self.machine.phase(), Phase::Ended(_)));
        self.machine.is_paused() && !self.later.values().any(speaks)
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Deliver(event) => self.handle(event),
            Happening::Change(instance, state) => self.change(&instance, state),
        }
    }

    /// Records the event and handles it; the platform may crash before any of its actions.
    fn handle(&mut self, event: Event) {
        let crashes = self.rng.u8(..100) < self.trouble.crashes;
        let parts = |state: &Snapshot| serde_json::to_string(&(state.head(), state.pairs())).expect("plain data");
        let before = crashes.then(|| parts(self.machine.snapshot()));
        let mut actions = Vec::new();
        self.machine.handle(event.clone(), self.now, &mut actions);
        self.end_late();
        let done = if crashes { self.rng.usize(..=actions.len()) } else { actions.len() };
        actions[..done].iter().for_each(|action| self.act(action));
        if let Some(before) = before {
            let (head, pairs): (Head, Vec<Pair>) = serde_json::from_str(&before).expect("what was written");
            let restored = Machine::restore(head.with(pairs), [(self.now, event)]);
            assert_eq!(restored.snapshot(), self.machine.snapshot(), "a replay leads elsewhere");
            self.machine = restored;
            self.later.retain(|_, happening| {
                !matches!(happening, Happening::Deliver(Event::Reported(..) | Event::Routed(_) | Event::Judged(..)))
            });
            self.push(seconds(1), Happening::Deliver(Event::Due));
        }
    }

    fn act(&mut self, action: &Action) {
        match action {
            Action::Route(routing) => {
                if self.routing.is_none_or(|last| last.epoch < routing.epoch) {
                    self.routing = Some(*routing);
                }
                self.send(Event::Routed(routing.epoch));
            }
            Action::Migrate => self.migrate(),
            Action::StopMigration => {
                self.migrated.get_or_insert_with(|| Err("stopped".into()));
                self.migrate();
            }
            Action::Run(instance) => self.run_instance(instance),
            Action::Confirm(instance) => self.tell(instance),
            Action::Stop(instance) => self.stop(instance),
            Action::Judge(step) => {
                if let Some(verdict) = self.trouble.verdict {
                    self.send(Event::Judged(*step, verdict));
                }
            }
            Action::Finish(outcome) => self.finished = Some(outcome.clone()),
        }
        self.check();
    }

    fn migrate(&mut self) {
        assert!(self.slots.keys().all(|instance| instance.side == Side::Old), "a new instance came first");
        let fails = self.trouble.migration_fails;
        if self.migrated.is_none() {
            self.migrations += 1;
        }
        let result = self.migrated.get_or_insert_with(|| if fails { Err("it fails".into()) } else { Ok(()) });
        let event = Event::Migrated(result.clone());
        self.send(event);
    }

    fn run_instance(&mut self, instance: &Instance) {
        if !self.slots.contains_key(instance) {
            let report = Report { seq: 1, state: State::Starting, since: self.now, at: self.now };
            self.slots.insert(instance.clone(), Slot { report, was_healthy: false, stops: false });
            self.begin(instance, self.fate(instance));
        }
        self.tell(instance);
    }

    fn fate(&self, instance: &Instance) -> Fate {
        let fate = self.trouble.fates.get(instance.number as usize - 1).copied();
        fate.filter(|_| instance.side == Side::New).unwrap_or(Fate::Well)
    }

    fn begin(&mut self, instance: &Instance, fate: Fate) {
        let soon = Duration::from_millis(self.rng.u64(10..3_000));
        let change = |state| Happening::Change(instance.clone(), state);
        match fate {
            Fate::Well | Fate::EndsLate => self.push(soon, change(State::Healthy)),
            Fate::NeverHealthy => self.push(soon, change(State::Unhealthy("status 500".into()))),
            Fate::EndsEarly => self.end(soon, instance),
            Fate::EndsSoon => {
                self.push(soon, change(State::Healthy));
                self.end(soon + Duration::from_millis(500), instance);
            }
        }
    }

    /// An instance of a new release ends; of a rollback it is started again.
    fn end(&mut self, after: Duration, instance: &Instance) {
        let change = |state| Happening::Change(instance.clone(), state);
        if self.plan.one_way {
            self.push(after, change(State::Unhealthy("it is started again".into())));
            self.push(after + seconds(2), change(State::Healthy));
        } else {
            self.push(after, change(State::Ended("code 1".into())));
        }
    }

    /// Once there is no way back.
    fn end_late(&mut self) {
        if *self.machine.phase() == Phase::Retiring && !std::mem::replace(&mut self.retires, true) {
            let late: Vec<_> = self.slots.keys().filter(|one| self.fate(one) == Fate::EndsLate).cloned().collect();
            late.iter().for_each(|instance| self.end(Duration::from_millis(1), instance));
        }
    }

    fn stop(&mut self, instance: &Instance) {
        self.check_stop(instance);
        let report = Report { seq: 1, state: State::Ended("never began".into()), since: self.now, at: self.now };
        let slot = self.slots.entry(instance.clone()).or_insert(Slot { report, was_healthy: false, stops: true });
        if !std::mem::replace(&mut slot.stops, true) {
            let drained = Duration::from_millis(self.rng.u64(1..40_000));
            self.push(drained, Happening::Change(instance.clone(), State::Ended("code 0".into())));
        }
        self.tell(instance);
    }

    fn change(&mut self, instance: &Instance, state: State) {
        let now = self.now;
        let Some(slot) = self.slots.get_mut(instance) else { return };
        if matches!(slot.report.state, State::Ended(_)) {
            return;
        }
        slot.was_healthy |= state == State::Healthy;
        slot.report = Report { seq: slot.report.seq + 1, state, since: now, at: now };
        let stops = slot.stops;
        self.tell(instance);
        if instance.side == Side::Old && !stops {
            self.may_fail(instance);
        }
    }

    /// An old instance that is healthy may fail, and comes back.
    fn may_fail(&mut self, instance: &Instance) {
        if !self.trouble.old_fail || self.slots[instance].report.state != State::Healthy || self.rng.bool() {
            return;
        }
        let fails = Duration::from_millis(self.rng.u64(100..30_000));
        self.push(fails, Happening::Change(instance.clone(), State::Unhealthy("crashed".into())));
        self.push(fails + seconds(2), Happening::Change(instance.clone(), State::Healthy));
    }

    fn tell(&mut self, instance: &Instance) {
        let report = Report { at: self.now, ..self.slots[instance].report.clone() };
        self.send(Event::Reported(instance.clone(), report));
    }

    fn send(&mut self, event: Event) {
        if self.rng.u8(..100) < self.trouble.lost {
            return;
        }
        for _ in 0..=u8::from(self.rng.u8(..100) < self.trouble.twice) {
            let late = Duration::from_millis(self.rng.u64(..2_000));
            self.push(late, Happening::Deliver(event.clone()));
        }
    }

    fn push(&mut self, after: Duration, happening: Happening) {
        self.order += 1;
        self.later.insert((self.now + after, self.order), happening);
    }

    fn of(&self, target: &Target, side: Side) -> impl Iterator<Item = &Slot> {
        let service = target.service.clone();
        let slots = self.slots.iter().filter(move |(i, _)| i.service == service && i.side == side);
        slots.map(|(_, slot)| slot)
    }

    /// What holds after every action.
    fn check(&self) {
        for target in self.plan.targets.iter().filter(|_| self.plan.is_rolling()) {
            let all = || self.of(target, Side::Old).chain(self.of(target, Side::New));
            let existing = all().filter(|slot| !matches!(slot.report.state, State::Ended(_))).count();
            assert!(existing <= target.existing_max(), "{existing} instances of {}", target.service);
            // What failed by itself is not the rollout's doing, and an old release that has failed is replaced.
            let serving = all().filter(|slot| slot.was_healthy && !slot.stops).count();
            assert!(serving >= target.serving_min(), "only {serving} instances of {} serve", target.service);
        }
    }

    /// What must hold before an instance is stopped.
    fn check_stop(&self, instance: &Instance) {
        let target = self.plan.targets.iter().find(|target| target.service == instance.service).expect("it is known");
        self.check_callers(target, instance.side);
        // A stop that was decided before the way back began may be carried out after it.
        let goes_back = matches!(self.machine.phase(), Phase::Restoring | Phase::Ended(_));
        if instance.side == Side::New || target.new == 0 || goes_back {
            return;
        }
        let min = target.terms.min_healthy_time;
        let ended_late = |slot: &Slot| self.retires && matches!(slot.report.state, State::Ended(_));
        let is_up = |slot: &&Slot| slot.was_healthy && (slot.report.since + min <= self.now || ended_late(slot));
        let up = self.of(target, Side::New).filter(is_up).count();
        if self.plan.is_rolling() {
            assert!(up > 0 || target.terms.max_surge == 0, "{instance:?} stops, and nothing new is healthy");
        } else {
            assert_eq!(up, target.new as usize, "{instance:?} stops, and the new set is not whole");
            let all = Traffic::Share(WEIGHT_MAX);
            assert_eq!(self.routing.map(|routing| routing.traffic), Some(all), "{instance:?} has requests");
        }
    }

    /// Callers end before what they call, unless time is up.
    fn check_callers(&self, target: &Target, side: Side) {
        let wave = |target: &Target| if side == Side::Old { target.waves.old } else { target.waves.new };
        let callers = self.plan.targets.iter().filter(|caller| wave(caller) < wave(target));
        let mut left = callers.flat_map(|caller| self.of(caller, side));
        let is_late = matches!(self.machine.phase(), Phase::Ended(_));
        assert!(
            is_late || left.all(|slot| matches!(slot.report.state, State::Ended(_))),
            "{side:?} {}",
            target.service
        );
    }

    /// What the end must look like.
    pub(super) fn check_end(&mut self) {
        let promoted = self.finished == Some(Outcome::Promoted);
        let (side, other) = if promoted { (Side::New, Side::Old) } else { (Side::Old, Side::New) };
        let rolling = self.plan.is_rolling();
        let share = Traffic::Share(if promoted { WEIGHT_MAX } else { 0 });
        let routing = self.routing.expect("a routing state");
        assert_eq!((routing.traffic, routing.hold), (if rolling { Traffic::Alike } else { share }, false));
        for target in &self.plan.targets {
            let wanted = if promoted { target.new } else { target.old };
            let healthy = |slot: &&Slot| slot.was_healthy && !slot.stops;
            assert_eq!(self.of(target, side).filter(healthy).count(), wanted as usize, "{promoted} {}", target.service);
            assert!(self.of(target, other).all(|slot| matches!(slot.report.state, State::Ended(_))));
        }
    }
}
