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
    outcome::{Begun, Outcome, Turned},
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

    /// Takes note of how a request that passed went, once; `None` if that says nothing of the callee. `chance` (0 to 1) is random.
    /// Returns the failures in a row before.
    pub(crate) fn judge(
        &self,
        passed: Passed,
        outcome: Option<Outcome>,
        now: Timestamp,
        chance: impl Fn() -> f64,
    ) -> u32 {
        let Some(breaker) = &self.breaker else { return 0 };
        match (passed.probes, outcome) {
            (true, outcome) => self.evidence.probe_ended(breaker, passed.word, outcome, now, chance),
            (false, Some(outcome)) => {
                let turned = Turned { outcome, instead_of: None };
                return self.evidence.count(breaker, passed.word, turned, now, chance);
            }
            (false, None) => {}
        }
        0
    }

    /// Takes note that an answer that had begun as a success turned out otherwise.
    pub(crate) fn amend(&self, passed: Passed, begun: Begun, turned: Turned, now: Timestamp, chance: impl Fn() -> f64) {
        let Some(breaker) = &self.breaker else { return };
        if !passed.probes {
            self.evidence.count(breaker, passed.word, turned, now, chance);
            return;
        }
        let closed = breaker.probe_ended(passed.word, true, begun.at, 0.0);
        if turned.instead_of.is_some() {
            let open = breaker.probe_ended(passed.word, false, now, chance());
            let _ = self.evidence.gate.0.compare_exchange(closed, open, SeqCst, SeqCst);
        } else {
            self.evidence.count(breaker, closed, turned, now, chance);
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

    /// Returns the failures in a row before.
    fn count(&self, breaker: &Breaker, word: u64, turned: Turned, now: Timestamp, chance: impl Fn() -> f64) -> u32 {
        if self.gate.0.load(SeqCst) != word {
            return 0;
        }
        let Turned { outcome, instead_of } = turned;
        let resumed = instead_of.map_or(0, |begun| begun.service_run);
        let next =
            |run: u32| Some(breaker::run_after(run.saturating_add(resumed), outcome)).filter(|next| *next != run);
        let before = self.run.0.fetch_update(SeqCst, SeqCst, next).unwrap_or_else(|unchanged| unchanged);
        if let Some(begun) = instead_of {
            let bucket = &self.buckets.0[breaker.index(begun.at)];
            let _ = bucket.fetch_update(SeqCst, SeqCst, |held| breaker.uncounted(held, begun.at));
        }
        let bucket = &self.buckets.0[breaker.index(now)];
        let _ = bucket.fetch_update(SeqCst, SeqCst, |held| Some(breaker.counted(held, outcome, now)));
        if outcome != Outcome::Success && breaker.opens(self.run.0.load(SeqCst), &self.counts(), now) {
            let _ = self.gate.0.compare_exchange(word, breaker.opened(now, chance()), SeqCst, SeqCst);
        }
        before
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
mod tests;
