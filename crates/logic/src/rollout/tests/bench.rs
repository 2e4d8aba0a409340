//! A rollout by hand, step by step.

use super::*;

/// A machine, and the world's answers by hand.
pub(super) struct Bench {
    pub(super) machine: Machine,
    pub(super) now: Timestamp,
    pub(super) seq: u64,
}

impl Bench {
    pub(super) fn new(plan: Plan) -> Self {
        Self { machine: Machine::new(plan, START).expect("a plan"), now: START, seq: 0 }
    }

    /// One whose first routing state is known, and whose old instances are healthy.
    pub(super) fn begun(plan: Plan) -> Self {
        let old: Vec<_> =
            plan.targets.iter().flat_map(|t| (1..=t.old).map(move |n| format!("{}.old{n}", t.service))).collect();
        let mut bench = Self::new(plan);
        old.iter().for_each(|old| _ = bench.report(old, State::Healthy));
        bench.routed();
        bench
    }

    pub(super) fn tell(&mut self, event: Event) -> String {
        let mut actions = Vec::new();
        self.machine.handle(event, self.now, &mut actions);
        actions.iter().map(show).collect::<Vec<_>>().join(", ")
    }

    pub(super) fn routed(&mut self) -> String {
        self.tell(Event::Routed(self.machine.routing().epoch))
    }

    pub(super) fn report(&mut self, name: &str, state: State) -> String {
        self.seq += 1;
        let report = Report { seq: self.seq, state, since: self.now, at: self.now };
        self.tell(Event::Reported(instance(name), report))
    }

    /// Time passes; repeated actions are left out.
    pub(super) fn pass(&mut self, time: Duration) -> String {
        self.now = self.now + time;
        let before = self.machine.snapshot().pending();
        let mut actions = Vec::new();
        self.machine.handle(Event::Due, self.now, &mut actions);
        let fresh = actions.iter().filter(|action| !before.contains(action)).map(show);
        fresh.collect::<Vec<_>>().join(", ")
    }

    /// They become healthy, and are for long enough.
    pub(super) fn up(&mut self, names: &[&str]) -> String {
        let since = self.now;
        names.iter().for_each(|name| assert_eq!(self.report(name, State::Healthy), ""));
        let asked: Vec<_> = names.iter().map(|name| format!("confirm {name}")).collect();
        assert_eq!(self.pass(seconds(1)), asked.join(", "));
        let did: Vec<_> = names.iter().map(|name| self.still_healthy(name, since)).collect();
        did.into_iter().filter(|did| !did.is_empty()).collect::<Vec<_>>().join(", ")
    }

    pub(super) fn still_healthy(&mut self, name: &str, since: Timestamp) -> String {
        self.seq += 1;
        let report = Report { seq: self.seq, state: State::Healthy, since, at: self.now };
        self.tell(Event::Reported(instance(name), report))
    }

    pub(super) fn ended(&mut self, names: &[&str]) -> String {
        names.iter().map(|name| self.report(name, State::Ended("code 0".into()))).last().unwrap_or_default()
    }
}

pub(super) fn instance(name: &str) -> Instance {
    let (service, rest) = name.split_once('.').expect("service.side");
    let (side, number) = rest.split_at(3);
    let side = if side == "old" { Side::Old } else { Side::New };
    Instance { service: service.parse().expect("a name"), side, number: number.parse().expect("a number") }
}
