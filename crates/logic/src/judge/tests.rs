//! Judges of simulated releases, under seeds.

use super::*;

/// How a release behaves: the share of requests that fail, and how many times slower it is than usual.
#[derive(Debug, Clone, Copy)]
struct Behaviour {
    failures: f64,
    slower: f64,
    /// How many times slower one request in fifty is, on top.
    tail: f64,
}

const USUAL: Behaviour = Behaviour { failures: 0.01, slower: 1.0, tail: 1.0 };

impl Behaviour {
    /// So many requests, at a moment when everything takes so many times longer.
    fn figures(self, requests: u64, moment: f64, rng: &mut fastrand::Rng) -> Figures {
        let mut figures = Figures { requests, ..Figures::default() };
        for _ in 0..requests {
            if rng.f64() < self.failures {
                figures.failures += 1;
            } else {
                figures.latency[histogram::bucket(self.latency(moment, rng))] += 1;
            }
        }
        figures
    }

    /// In µs: 10 ms at the median, 100 ms at the 99th percentile, with a long tail.
    #[expect(clippy::cast_possible_truncation, reason = "a few seconds at the most")]
    fn latency(self, moment: f64, rng: &mut fastrand::Rng) -> u64 {
        let normal = (-2.0 * (1.0 - rng.f64()).ln()).sqrt() * (std::f64::consts::TAU * rng.f64()).cos();
        let tail = if rng.u8(..50) == 0 { self.tail } else { 1.0 };
        (10_000.0 * normal.exp() * self.slower * tail * moment) as u64
    }
}

/// How a step goes: requests to the old and the new release per look, and looks.
#[derive(Debug, Clone, Copy)]
struct Traffic {
    old: u64,
    new: u64,
    looks: u64,
}

const TENTH: Traffic = Traffic { old: 90, new: 10, looks: 100 };
const HALF: Traffic = Traffic { old: 50, new: 50, looks: 40 };

/// The last verdict, and how many requests the new release had by the first verdict of worse.
fn judge(new: Behaviour, traffic: Traffic, seed: u64) -> (Verdict, Option<u64>) {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut judge = Judge::new(Settings { requests_min: 500, ..Settings::default() });
    let mut worse_after = None;
    for look in 0..traffic.looks {
        let moment = 1.0 + (look as f64 / 10.0).sin() / 2.0;
        let old = USUAL.figures(traffic.old, moment, &mut rng);
        let verdict = judge.look(&old, &new.figures(traffic.new, moment, &mut rng));
        if verdict == Verdict::Worse {
            worse_after.get_or_insert((look + 1) * traffic.new);
        }
    }
    (judge.verdict(), worse_after)
}

/// The share of the seeds under which a release is ever called worse within so many of its requests.
fn alarms(new: Behaviour, traffic: Traffic, within: u64, seeds: u64) -> f64 {
    let alarm = |seed| judge(new, traffic, seed).1.is_some_and(|after| after <= within);
    (0..seeds).filter(|seed| alarm(*seed)).count() as f64 / seeds as f64
}

#[test]
fn an_equal_release_is_hardly_ever_called_worse() {
    for traffic in [TENTH, HALF] {
        let found = alarms(USUAL, traffic, u64::MAX, 500);
        assert!(found <= Settings::default().false_alarm, "{found} with {traffic:?}");
    }
}

#[test]
fn what_is_tolerated_is_not_worse() {
    let slower = Behaviour { slower: 1.2, ..USUAL };
    assert!(alarms(slower, HALF, u64::MAX, 200) <= 0.01);
    let failing = Figures { requests: 1_000_000, failures: 1_900, ..Figures::default() };
    let well = Figures { requests: 1_000_000, ..Figures::default() };
    let mut judge = Judge::new(Settings::default());
    assert_eq!(judge.look(&well, &failing), Verdict::Same);
    let mut judge = Judge::new(Settings { failures_tolerated: 0.001, ..Settings::default() });
    assert_eq!(judge.look(&well, &failing), Verdict::Worse);
}

/// The figures that [`crate::judge`] states, and those of two releases that share the traffic evenly.
#[test]
fn harm_is_seen_in_time() {
    let failing = Behaviour { failures: 0.05, ..USUAL };
    let slower = Behaviour { slower: 2.0, ..USUAL };
    let long_tail = Behaviour { tail: 18.0, ..USUAL };
    for (new, traffic, within) in [
        (failing, TENTH, 500),
        (failing, HALF, 1_000),
        (slower, TENTH, 300),
        (slower, HALF, 550),
        (long_tail, Traffic { old: 900, new: 100, looks: 100 }, 9_000),
        (long_tail, Traffic { old: 500, new: 500, looks: 40 }, 20_000),
    ] {
        let found = alarms(new, traffic, within, 50);
        assert!(found >= 0.9, "{found} of {new:?} within {within} with {traffic:?}");
    }
}

#[test]
fn verdicts() {
    let few = Traffic { looks: 9, ..HALF };
    for (new, traffic, expected) in [
        (USUAL, few, Verdict::NotEnoughTraffic),
        (USUAL, Traffic { new: 0, ..HALF }, Verdict::NotEnoughTraffic),
        (USUAL, Traffic { old: 0, ..HALF }, Verdict::NotEnoughTraffic),
        (USUAL, HALF, Verdict::Same),
        (Behaviour { slower: 0.5, ..USUAL }, HALF, Verdict::Better),
        (Behaviour { failures: 0.0, slower: 0.4, ..USUAL }, few, Verdict::NotEnoughTraffic),
        (Behaviour { failures: 1.0, ..USUAL }, few, Verdict::Worse),
        (Behaviour { failures: 0.2, slower: 0.3, ..USUAL }, HALF, Verdict::Worse),
    ] {
        assert_eq!(judge(new, traffic, 7).0, expected, "{new:?} {traffic:?}");
    }
}
