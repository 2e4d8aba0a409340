//! A service of known capacity under a virtual clock, with the limit and without.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use model::Timestamp;
use proptest::prelude::*;

use super::{Gradient, MEASURED, Terms};

/// What one request takes the service, on average.
const TAKES: Duration = Duration::from_millis(20);

/// A service that works on so many requests at once, each for an exponentially distributed time, and queues the rest
/// (M/M/c).
struct Service {
    capacity: usize,
    queue: VecDeque<Timestamp>,
    /// When the requests being worked on end, and when they came in.
    busy: BTreeMap<(Timestamp, u64), Timestamp>,
    started: u64,
}

/// How a phase of load went.
#[derive(Debug)]
struct Phase {
    limit: u32,
    /// The latency in ms that 99 % of the requests of the second half did not exceed.
    p99: u128,
    /// Requests served, as a share of the capacity.
    throughput: f64,
}

struct World {
    random: fastrand::Rng,
    service: Service,
    now: Timestamp,
    gradient: Option<Gradient>,
}

impl World {
    fn new(seed: u64, capacity: usize, limited: bool) -> Self {
        let now = Timestamp(1_790_000_000_000_000);
        let service = Service { capacity, queue: VecDeque::new(), busy: BTreeMap::new(), started: 0 };
        let gradient = limited.then(|| Gradient::new(Terms::default(), now));
        Self { random: fastrand::Rng::with_seed(seed), service, now, gradient }
    }

    /// Requests come at random, `load` times as many as the service can take.
    fn phase(&mut self, load: f64, lasts: Duration) -> Phase {
        let (began, end) = (self.now, self.now + lasts);
        let between = TAKES.div_f64(load * self.service.capacity as f64);
        let mut latencies = Vec::new();
        while self.now < end {
            let next = self.now + exponential(&mut self.random, between);
            while let Some((&(at, number), &came)) =
                self.service.busy.first_key_value().filter(|(key, _)| key.0 <= next)
            {
                self.service.busy.remove(&(at, number));
                self.now = at;
                self.ended(at.since(came));
                latencies.push((at, at.since(came)));
            }
            self.now = next;
            self.arrive();
        }
        let mut late: Vec<_> = latencies
            .iter()
            .filter(|(at, _)| at.since(began) > lasts / 2)
            .map(|(_, latency)| latency.as_millis())
            .collect();
        late.sort_unstable();
        let possible = lasts.as_secs_f64() / TAKES.as_secs_f64() * self.service.capacity as f64;
        Phase {
            limit: self.gradient.as_ref().map_or(0, Gradient::limit),
            p99: late.get(late.len() * 99 / 100).copied().unwrap_or(u128::MAX),
            throughput: latencies.len() as f64 / possible,
        }
    }

    fn arrive(&mut self) {
        let in_flight = self.service.queue.len() + self.service.busy.len();
        if self.gradient.as_ref().is_none_or(|gradient| in_flight < gradient.limit() as usize) {
            self.service.queue.push_back(self.now);
            self.work();
        }
    }

    fn ended(&mut self, latency: Duration) {
        let in_flight = u32::try_from(self.service.queue.len() + self.service.busy.len() + 1).unwrap();
        if let Some(gradient) = &mut self.gradient {
            gradient.observe(latency, in_flight, self.now);
        }
        self.work();
    }

    fn work(&mut self) {
        let Service { capacity, queue, busy, started } = &mut self.service;
        if busy.len() < *capacity
            && let Some(came) = queue.pop_front()
        {
            busy.insert((self.now + exponential(&mut self.random, TAKES), *started), came);
            *started += 1;
        }
    }
}

fn exponential(random: &mut fastrand::Rng, mean: Duration) -> Duration {
    mean.mul_f64(-(1.0 - random.f64()).ln())
}

#[test]
fn finds_the_capacity_and_bounds_the_latency() {
    for (seed, capacity) in [(1, 30), (2, 60)] {
        let [limited, free] = [true, false].map(|limited| {
            let mut world = World::new(seed, capacity, limited);
            world.phase(0.5, Duration::from_secs(10));
            world.phase(2.0, Duration::from_secs(20))
        });
        println!("capacity {capacity}: with a limit {limited:?}, without {free:?}");
        assert!((capacity..=capacity * 9 / 4).contains(&(limited.limit as usize)), "{limited:?} of {capacity}");
        assert!(limited.p99 <= 150 && limited.throughput > 0.97, "{limited:?}");
        assert!(free.p99 > 5_000, "{free:?}");
    }
}

#[test]
fn a_load_that_the_service_can_take_is_not_shed() {
    let mut world = World::new(4, 50, true);
    world.phase(2.0, Duration::from_secs(20));
    let usual = world.phase(0.8, Duration::from_secs(30));
    assert!(usual.throughput > 0.79 && usual.p99 < 120, "{usual:?}");
}

/// Feeds as many requests as any window has at least, each of the same latency.
fn window(gradient: &mut Gradient, now: &mut Timestamp, latency: Duration, in_flight: u32) -> u32 {
    let terms = Terms::default();
    *now = *now + terms.window;
    (0..terms.requests_min * MEASURED).map(|_| gradient.observe(latency, in_flight, *now)).last().unwrap()
}

/// The limit after so many windows of a service that answers in `takes` up to its capacity, and never has less to do
/// than it may.
fn saturated(gradient: &mut Gradient, now: &mut Timestamp, (takes, capacity): (Duration, u32), windows: u32) -> u32 {
    for _ in 0..windows {
        let limit = gradient.limit();
        window(gradient, now, takes * limit.max(capacity) / capacity, limit);
    }
    gradient.limit()
}

#[test]
fn finds_the_capacity_though_it_never_saw_the_service_idle() {
    for capacity in [30, 60, 120, 400] {
        let mut now = Timestamp(0);
        let mut gradient = Gradient::new(Terms::default(), now);
        for turn in 0..3 {
            let limit = saturated(&mut gradient, &mut now, (TAKES, capacity), 5000);
            assert!((capacity..=2 * capacity).contains(&limit), "{limit} of {capacity} at {turn}");
        }
    }
}

#[test]
fn a_service_that_is_slower_for_good_is_believed() {
    let mut now = Timestamp(0);
    let mut gradient = Gradient::new(Terms::default(), now);
    for (takes, windows) in [(TAKES, 3000), (TAKES * 4, 600), (TAKES, 1500)] {
        let limit = saturated(&mut gradient, &mut now, (takes, 60), windows);
        assert!((60..=120).contains(&limit), "{takes:?}: {limit}");
    }
}

#[test]
fn a_service_that_is_faster_is_believed_soon() {
    let mut now = Timestamp(0);
    let mut gradient = Gradient::new(Terms::default(), now);
    for takes in [TAKES * 4, TAKES] {
        (0..100).for_each(|_| _ = window(&mut gradient, &mut now, takes, 1));
    }
    assert!(saturated(&mut gradient, &mut now, (TAKES, 60), 15) < Terms::default().start);
}

#[test]
fn changes_once_a_window() {
    let mut gradient = Gradient::new(Terms::default(), Timestamp(0));
    let mut limits = Vec::new();
    for (at_ms, requests) in [(50, 20), (99, 1), (100, 1), (200, 9), (250, 1)] {
        for _ in 0..requests {
            limits.push(gradient.observe(TAKES, 200, Timestamp(0) + Duration::from_millis(at_ms)));
        }
    }
    let changes: Vec<_> =
        limits.windows(2).enumerate().filter(|(_, pair)| pair[0] != pair[1]).map(|(at, _)| at + 1).collect();
    assert_eq!(changes, [21, 31]);
}

proptest! {
    #[test]
    fn noise_at_low_load_never_moves_it(latencies in prop::collection::vec(0..5_000_u64, 1..500)) {
        let mut now = Timestamp(0);
        let mut gradient = Gradient::new(Terms::default(), now);
        for latency in latencies {
            let limit = window(&mut gradient, &mut now, Duration::from_millis(latency), 99);
            prop_assert_eq!(limit, Terms::default().start);
        }
    }

    #[test]
    fn stays_within_its_bounds(seen in prop::collection::vec((any::<u64>(), any::<u32>()), 1..300)) {
        let mut now = Timestamp(0);
        let mut gradient = Gradient::new(Terms::default(), now);
        for (nanos, in_flight) in seen {
            let limit = window(&mut gradient, &mut now, Duration::from_nanos(nanos), in_flight);
            prop_assert!((20..=1000).contains(&limit));
        }
    }
}
