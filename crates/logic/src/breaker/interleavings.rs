//! Workers that share one breaker, one atomic step at a time in any order, beside a list of who is under way.

use std::time::Duration;

use model::Timestamp;
use proptest::prelude::*;

use super::{Admit, Breaker, Gate, USUAL};

const WORKERS: usize = 4;

/// One atomic step, or time that passes.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// A worker loads the gate and asks to pass.
    Ask(usize),
    /// It sets the gate, if it was told to probe.
    Take(usize),
    /// Its request ends: as a success, a failure, or nobody knows.
    End(usize, Option<bool>),
    /// The answer of its probe begins well.
    Begin(usize),
    /// What began well turns out a failure.
    Turn(usize),
    /// It vanishes and never says how its request ended.
    Vanish(usize),
    Pass(Duration),
}

/// Where a worker stands.
#[derive(Debug, Clone, Copy)]
enum Worker {
    Idle,
    Asked { loaded: u64, probe: u64 },
    Requesting { kept: u64 },
    Probing { kept: u64, deadline: Timestamp },
    Answered { probe: u64, closed: u64 },
}

struct World {
    breaker: Breaker,
    gate: u64,
    now: Timestamp,
    workers: [Worker; WORKERS],
}

impl World {
    fn new() -> Self {
        let breaker = Breaker { failures_in_row: 1, ..USUAL };
        let now = Timestamp(1_790_000_000_000_000);
        Self { breaker, gate: 0, now, workers: [Worker::Idle; WORKERS] }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Ask(worker) => self.ask(worker),
            Step::Take(worker) => self.take(worker),
            Step::End(worker, how) => self.end(worker, how),
            Step::Begin(worker) => self.begin(worker),
            Step::Turn(worker) => self.turn(worker),
            Step::Vanish(worker) => self.workers[worker] = Worker::Idle,
            Step::Pass(time) => self.now = self.now + time,
        }
    }

    fn ask(&mut self, worker: usize) {
        let Worker::Idle = self.workers[worker] else { return };
        let is_closed = matches!(Gate::of(self.gate), Gate::Closed { .. });
        self.workers[worker] = match self.breaker.admit(self.gate, self.now) {
            Admit::Yes => Worker::Requesting { kept: self.gate },
            Admit::Probe(probe) => Worker::Asked { loaded: self.gate, probe },
            Admit::No { retry_at } => {
                let longest = self.now + self.breaker.backoff_longest;
                assert!(retry_at > self.now && retry_at <= longest, "stuck until {retry_at:?}");
                Worker::Idle
            }
        };
        assert_eq!(
            is_closed,
            matches!(self.workers[worker], Worker::Requesting { .. }),
            "only a closed one lets all pass"
        );
    }

    fn take(&mut self, worker: usize) {
        let Worker::Asked { loaded, probe } = self.workers[worker] else { return };
        self.workers[worker] = Worker::Idle;
        if self.exchange(loaded, probe) {
            let Gate::Probing { deadline, .. } = Gate::of(probe) else { panic!("a probe probes") };
            self.workers[worker] = Worker::Probing { kept: probe, deadline };
        }
    }

    fn end(&mut self, worker: usize, how: Option<bool>) {
        match self.workers[worker] {
            Worker::Idle | Worker::Asked { .. } | Worker::Answered { .. } => return,
            Worker::Requesting { kept } => {
                if how == Some(false) {
                    self.exchange(kept, self.breaker.opened(self.now, 0.5));
                }
            }
            Worker::Probing { kept, .. } => {
                let next = match how {
                    Some(succeeded) => self.breaker.probe_ended(kept, succeeded, self.now, 0.5),
                    None => self.breaker.probe_lost(kept, self.now),
                };
                let held = self.gate == kept;
                assert_eq!(self.exchange(kept, next), held);
            }
        }
        self.workers[worker] = Worker::Idle;
    }

    fn begin(&mut self, worker: usize) {
        let Worker::Probing { kept, .. } = self.workers[worker] else { return };
        let closed = self.breaker.probe_ended(kept, true, self.now, 0.5);
        self.exchange(kept, closed);
        self.workers[worker] = Worker::Answered { probe: kept, closed };
    }

    fn turn(&mut self, worker: usize) {
        let Worker::Answered { probe, closed } = self.workers[worker] else { return };
        self.workers[worker] = Worker::Idle;
        if self.exchange(closed, self.breaker.probe_ended(probe, false, self.now, 0.5)) {
            assert!(matches!(Gate::of(self.gate), Gate::Open { trips: 2.., .. }), "it backs off for longer");
        }
    }

    fn exchange(&mut self, from: u64, to: u64) -> bool {
        let is_current = self.gate == from;
        if is_current {
            self.gate = to;
        }
        is_current
    }

    /// What holds after every step.
    fn check(&self) {
        let in_time = self
            .workers
            .iter()
            .filter(|worker| matches!(worker, Worker::Probing { deadline, .. } if self.now < *deadline));
        let in_force =
            self.workers.iter().filter(|worker| matches!(worker, Worker::Probing { kept, .. } if self.gate == *kept));
        let (in_time, in_force) = (in_time.count(), in_force.count());
        assert!(in_time <= 1, "{in_time} probes at once");
        assert!(in_force <= 1, "{in_force} probes decide");
        if matches!(Gate::of(self.gate), Gate::Open { .. } | Gate::Closed { .. }) {
            assert_eq!(in_force, 0);
        }
    }

    /// Whatever happened, a service that works is in use again before long.
    fn recovers(mut self) {
        self.workers = [Worker::Idle; WORKERS];
        self.now = self.now + self.breaker.backoff_longest;
        for step in [Step::Ask(0), Step::Take(0), Step::End(0, Some(true))] {
            self.step(step);
        }
        assert_eq!(self.breaker.admit(self.gate, self.now), Admit::Yes);
    }
}

fn step() -> impl Strategy<Value = Step> {
    let how = prop_oneof![Just(Some(true)), Just(Some(false)), Just(None)];
    let micros = prop_oneof![0..3_u64, 400_000..3_000_000_u64, 14_000_000..40_000_000_u64];
    prop_oneof![
        4 => (0..WORKERS).prop_map(Step::Ask),
        4 => (0..WORKERS).prop_map(Step::Take),
        3 => (0..WORKERS, how).prop_map(|(worker, how)| Step::End(worker, how)),
        2 => (0..WORKERS).prop_map(Step::Begin),
        2 => (0..WORKERS).prop_map(Step::Turn),
        1 => (0..WORKERS).prop_map(Step::Vanish),
        3 => micros.prop_map(|micros| Step::Pass(Duration::from_micros(micros))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn one_probe_at_a_time_and_never_stuck(steps in prop::collection::vec(step(), 0..100)) {
        let mut world = World::new();
        for step in steps {
            world.step(step);
            world.check();
        }
        world.recovers();
    }
}
