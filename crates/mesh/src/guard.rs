//! What a connection lets pass under one of its policies: its rate, its breaker and its retry budget. The words are all workers'.
//!
//! What is counted belongs to the connection: rate and budget are those of all its policies in sum. What is a failure is up to the
//! policy, for one by its timeout, so each has a breaker of its own.

use std::{
    sync::{
        Arc,
        atomic::{
            AtomicU32, AtomicU64,
            Ordering::{Relaxed, SeqCst},
        },
    },
    time::Duration,
};

use logic::{
    breaker::{self, Admit, BUCKETS, Breaker, Gate},
    outcome::Outcome,
};
use model::{Reason, Timestamp, figures::BreakerState, spec::Policy};

use crate::{bound::Padded, problem::Fault, rates::Rates, retries::Retries};

/// The rules of a policy, and the words that they go by.
pub(crate) struct Guard {
    pub(crate) rates: Rates,
    pub(crate) retries: Retries,
    breaker: Option<Breaker>,
    evidence: Arc<Evidence>,
}

/// What the breaker of a lane knows. It outlives the policy.
#[derive(Default)]
struct Evidence {
    gate: Padded<AtomicU64>,
    run: Padded<AtomicU32>,
    buckets: Padded<[AtomicU64; BUCKETS]>,
}

/// A request that passed the breaker: the word of the gate as it stood then.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Passed {
    word: u64,
    probes: bool,
}

impl Guard {
    /// That of a policy. `before` is the one of its lane in the routing state before.
    pub(crate) fn new(policy: &Policy, rates: Rates, retries: Retries, before: Option<&Self>) -> Self {
        let evidence = before.map(|before| before.evidence.clone()).unwrap_or_default();
        Self { rates, retries, breaker: breaker(policy), evidence }
    }

    /// Lets a request pass, or says why not.
    pub(crate) fn admit(&self, now: Timestamp) -> Result<Passed, Fault> {
        let rate = || self.rates.admit(now);
        let passed = match &self.breaker {
            Some(breaker) => self.evidence.pass(breaker, now, rate)?,
            None => rate().map(|()| Passed::default())?,
        };
        self.retries.deposit(now);
        Ok(passed)
    }

    /// Takes note of how a request that passed ended; `None` if that says nothing of the callee. `chance` (0 to 1) is random.
    pub(crate) fn ended(&self, passed: Passed, outcome: Option<Outcome>, now: Timestamp, chance: impl Fn() -> f64) {
        let Some(breaker) = &self.breaker else { return };
        match (passed.probes, outcome) {
            (true, outcome) => self.evidence.probe_ended(breaker, passed.word, outcome, now, chance),
            (false, Some(outcome)) => self.evidence.count(breaker, passed.word, outcome, now, chance),
            (false, None) => {}
        }
    }

    pub(crate) fn breaker(&self) -> BreakerState {
        match Gate::of(self.evidence.gate.0.load(Relaxed)) {
            Gate::Closed { .. } => BreakerState::Closed,
            Gate::Open { .. } => BreakerState::Open,
            Gate::Probing { .. } => BreakerState::Probing,
        }
    }

    /// Whether both go by the same evidence.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn goes_on_from(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.evidence, &other.evidence)
    }
}

fn breaker(policy: &Policy) -> Option<Breaker> {
    let asked = policy.breaker?;
    Some(Breaker {
        failures_in_row: asked.consecutive,
        success_ratio: f64::from(asked.success_percent_min) / 100.0,
        requests_min: asked.requests_min,
        window: asked.window,
        backoff_first: asked.open_min,
        backoff_longest: asked.open_max,
        probe_timeout: policy.timeout,
        jitter: breaker::JITTER,
    })
}

impl Evidence {
    /// The rate is asked where the gate lets a request pass: what an open breaker refuses uses nothing up, and what the rate refuses is
    /// no probe.
    fn pass(&self, breaker: &Breaker, now: Timestamp, rate: impl Fn() -> Result<(), Fault>) -> Result<Passed, Fault> {
        let mut word = self.gate.0.load(SeqCst);
        loop {
            match breaker.admit(word, now) {
                Admit::Yes => return rate().map(|()| Passed { word, probes: false }),
                Admit::No { retry_at } => return Err(is_open(word, retry_at.since(now))),
                Admit::Probe(probe) => {
                    rate()?;
                    match self.gate.0.compare_exchange(word, probe, SeqCst, SeqCst) {
                        Ok(_) => return Ok(Passed { word: probe, probes: true }),
                        Err(newer) => word = newer,
                    }
                }
            }
        }
    }

    fn probe_ended(
        &self,
        breaker: &Breaker,
        probe: u64,
        outcome: Option<Outcome>,
        now: Timestamp,
        chance: impl Fn() -> f64,
    ) {
        if outcome == Some(Outcome::Success) {
            self.run.0.store(0, SeqCst);
            self.buckets.0.iter().for_each(|bucket| bucket.store(0, SeqCst));
        }
        let next = match outcome {
            Some(outcome) => breaker.probe_ended(probe, outcome == Outcome::Success, now, chance()),
            None => breaker.probe_lost(probe, now),
        };
        let _ = self.gate.0.compare_exchange(probe, next, SeqCst, SeqCst);
    }

    fn count(&self, breaker: &Breaker, word: u64, outcome: Outcome, now: Timestamp, chance: impl Fn() -> f64) {
        if self.gate.0.load(SeqCst) != word {
            return;
        }
        let next = |run| Some(breaker::run_after(run, outcome)).filter(|next| *next != run);
        let _ = self.run.0.fetch_update(SeqCst, SeqCst, next);
        let bucket = &self.buckets.0[breaker.index(now)];
        let _ = bucket.fetch_update(SeqCst, SeqCst, |held| Some(breaker.counted(held, outcome, now)));
        if outcome != Outcome::Success && breaker.opens(self.run.0.load(SeqCst), &self.counts(), now) {
            let _ = self.gate.0.compare_exchange(word, breaker.opened(now, chance()), SeqCst, SeqCst);
        }
    }

    fn counts(&self) -> [u64; BUCKETS] {
        std::array::from_fn(|index| self.buckets.0[index].load(SeqCst))
    }
}

fn is_open(word: u64, wait: Duration) -> Fault {
    let state = match Gate::of(word) {
        Gate::Probing { .. } => "a request is trying it out",
        _ => "open",
    };
    Fault::new(Reason::BreakerOpen, format!("{state}; come again in {}", shown(wait))).retry_after(wait)
}

/// To the millisecond, rounded up.
pub(crate) fn shown(wait: Duration) -> String {
    let millis = wait.as_micros().div_ceil(1000);
    model::format_duration(Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const START: Timestamp = Timestamp(1_790_000_000_000_000);

    fn guard(change: impl FnOnce(&mut Policy)) -> Arc<Guard> {
        let mut policy = Policy::default();
        change(&mut policy);
        let rates = Rates::new(&[policy.rate], &[]).remove(0);
        Arc::new(Guard::new(&policy, rates, Retries::new(&[policy.retry_budget], &[]).remove(0), None))
    }

    /// Runs the same work in so many threads at once; returns the sum of what each counts.
    fn in_threads(workers: usize, work: impl Fn() -> u32 + Send + Sync + 'static) -> u32 {
        let work = Arc::new(work);
        let start = |_| {
            std::thread::spawn({
                let work = work.clone();
                move || work()
            })
        };
        let threads: Vec<_> = (0..workers).map(start).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]

        #[test]
        fn rate_and_budget_are_exact_with_any_number_of_workers(
            workers in prop::sample::select(vec![1_usize, 2, 8]),
            burst in 1_u32..50,
            each in 20_u32..80,
        ) {
            let guard = guard(|policy| policy.rate = Some(model::spec::Rate { requests: 1, per: Duration::from_secs(1), burst }));
            let wanted = u32::try_from(workers).unwrap() * each;
            let held = guard.clone();
            let admitted = in_threads(workers, move || (0..each).map(|_| u32::from(held.admit(START).is_ok())).sum());
            prop_assert_eq!(admitted, burst.min(wanted));
            let retries = in_threads(workers, move || (0..each).map(|_| u32::from(guard.retries.withdraw(START))).sum());
            // Ten seconds' worth of ten a second, and a fifth of the requests.
            prop_assert_eq!(retries, (100 + admitted / 5).min(wanted));
        }

        #[test]
        fn a_breaker_that_one_worker_opens_is_open_for_all(workers in prop::sample::select(vec![1_usize, 2, 8])) {
            let guard = guard(|_| {});
            for _ in 0..20 {
                let passed = guard.admit(START).unwrap();
                guard.ended(passed, Some(Outcome::Failure), START, || 0.0);
            }
            let held = guard.clone();
            let passed = in_threads(workers, move || u32::from(held.admit(START).is_ok()));
            prop_assert_eq!(passed, 0);
            let later = START + Duration::from_secs(2);
            let probes = in_threads(workers, move || u32::from(guard.admit(later).is_ok()));
            prop_assert_eq!(probes, 1, "one probe at a time");
        }
    }

    #[test]
    fn what_an_open_breaker_refuses_uses_up_no_rate() {
        let per = Duration::from_secs(3600);
        let guard = guard(|policy| policy.rate = Some(model::spec::Rate { requests: 1, per, burst: 21 }));
        for _ in 0..20 {
            guard.ended(guard.admit(START).unwrap(), Some(Outcome::Failure), START, || 0.0);
        }
        for _ in 0..9 {
            assert_eq!(guard.admit(START).unwrap_err().reason, Reason::BreakerOpen);
        }
        let later = START + Duration::from_secs(2);
        let probe = guard.admit(later).expect("the rate still takes one");
        guard.ended(probe, None, later, || 0.0);
        let later = later + Duration::from_secs(60);
        assert_eq!(guard.admit(later).unwrap_err().reason, Reason::RateLimited);
        assert_eq!(guard.breaker(), BreakerState::Open, "what the rate refuses is no probe");
    }

    #[test]
    fn a_probe_decides() {
        for (outcome, state) in [
            (Some(Outcome::Success), BreakerState::Closed),
            (Some(Outcome::Failure), BreakerState::Open),
            (Some(Outcome::Limited), BreakerState::Open),
            (None, BreakerState::Open),
        ] {
            let guard = guard(|_| {});
            for _ in 0..20 {
                guard.ended(guard.admit(START).unwrap(), Some(Outcome::Failure), START, || 0.0);
            }
            assert_eq!(guard.breaker(), BreakerState::Open);
            let later = START + Duration::from_secs(2);
            let probe = guard.admit(later).unwrap();
            assert_eq!(guard.breaker(), BreakerState::Probing);
            assert_eq!(guard.admit(later).unwrap_err().reason, Reason::BreakerOpen);
            guard.ended(probe, outcome, later, || 0.0);
            assert_eq!(guard.breaker(), state, "{outcome:?}");
        }
    }
}
