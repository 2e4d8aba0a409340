//! The frozen server: 11 servers, 1,000 requests a second, one of them frozen for 30 s (Buoyant, "Beyond Round Robin",
//! 2016), under every way to pick. And the server that fails fast.

use std::{collections::BTreeMap, time::Duration};

use model::Timestamp;

use super::{Ewma, GATEWAY_FAILURE_PENALTY, least_request_cost, pick, rotate};

const SERVERS: usize = 11;
const REQUESTS_PER_SECOND: u64 = 1000;
const CLIENT_TIMEOUT: Duration = Duration::from_secs(1);

/// What a server does with a request: how long it takes, and whether it succeeds.
type Behaviour = fn(server: usize, now: Timestamp) -> (Duration, bool);

#[derive(Debug, Clone, Copy)]
enum Kind {
    PeakEwma,
    LeastRequest,
    RoundRobin,
}

struct Server {
    ewma: Ewma,
    in_flight: u32,
}

struct Balancer {
    kind: Kind,
    turn: u64,
}

impl Balancer {
    fn pick(&mut self, servers: &[Server], now: Timestamp, random: impl FnMut(usize) -> usize) -> usize {
        let picked = match self.kind {
            Kind::PeakEwma => {
                pick(servers.len(), |index| Some(servers[index].ewma.cost(servers[index].in_flight, now)), random)
            }
            Kind::LeastRequest => {
                pick(servers.len(), |index| Some(least_request_cost(servers[index].in_flight, 1.0)), random)
            }
            Kind::RoundRobin => rotate(servers.len(), &mut self.turn, |_| Some(1.0)),
        };
        picked.unwrap()
    }
}

/// Runs a minute of requests; returns the share of those that succeed.
fn run(seed: u64, kind: Kind, behaviour: Behaviour) -> f64 {
    let (mut random, mut balancer) = (generator(seed), Balancer { kind, turn: seed });
    let mut servers: Vec<_> = (0..SERVERS).map(|_| Server { ewma: Ewma::new(Timestamp(0)), in_flight: 0 }).collect();
    let mut ends: BTreeMap<(Timestamp, u64), (usize, Duration)> = BTreeMap::new();
    let (total, mut succeeded) = (60 * REQUESTS_PER_SECOND, 0);
    for number in 0..total {
        let now = Timestamp(number * 1_000_000 / REQUESTS_PER_SECOND);
        while let Some(entry) = ends.first_entry().filter(|entry| entry.key().0 <= now) {
            let (at, (server, latency)) = (entry.key().0, entry.remove());
            servers[server].in_flight -= 1;
            servers[server].ewma.observe(latency, at);
        }
        let picked = balancer.pick(&servers, now, &mut random);
        servers[picked].in_flight += 1;
        let (takes, works) = behaviour(picked, now);
        let waits = takes.min(CLIENT_TIMEOUT);
        ends.insert((now + waits, number), (picked, if works { waits } else { GATEWAY_FAILURE_PENALTY }));
        succeeded += u32::from(works && takes <= CLIENT_TIMEOUT);
    }
    f64::from(succeeded) / total as f64
}

/// A linear congruential generator (Knuth's MMIX constants).
fn generator(seed: u64) -> impl FnMut(usize) -> usize {
    let mut state = seed;
    move |below| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % below
    }
}

fn usual(server: usize) -> Duration {
    Duration::from_millis(4 + server as u64 % 3)
}

fn one_is_frozen(server: usize, now: Timestamp) -> (Duration, bool) {
    let frozen = server == 3 && (15_000_000..45_000_000).contains(&now.0);
    (if frozen { Duration::from_secs(2) } else { usual(server) }, true)
}

fn one_fails_fast(server: usize, now: Timestamp) -> (Duration, bool) {
    let broken = server == 3 && (15_000_000..45_000_000).contains(&now.0);
    (if broken { Duration::from_micros(100) } else { usual(server) }, !broken)
}

#[test]
fn a_frozen_server_costs_hardly_a_request() {
    for seed in 0..10 {
        let shares = [Kind::RoundRobin, Kind::LeastRequest, Kind::PeakEwma].map(|kind| run(seed, kind, one_is_frozen));
        println!("seed {seed}: round robin, least request, peak EWMA {shares:.5?}");
        assert!(shares[2] >= 0.999, "seed {seed}: {shares:?}");
        assert!(shares.is_sorted() && shares[0] < 0.96, "seed {seed}: {shares:?}");
    }
}

#[test]
fn a_server_that_fails_fast_attracts_no_traffic() {
    for seed in 0..10 {
        let [least, peak] = [Kind::LeastRequest, Kind::PeakEwma].map(|kind| run(seed, kind, one_fails_fast));
        println!("seed {seed}: least request {least:.5}, peak EWMA {peak:.5}");
        assert!(peak >= 0.999 && least < 0.96, "seed {seed}: {peak} {least}");
    }
}
