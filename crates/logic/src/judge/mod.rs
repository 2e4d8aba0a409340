//! Whether a new release does worse than the old one beside it, from the figures of both at the same time.
//!
//! Three things are compared: how many requests fail, and how many are slower than most and than nearly all (the median and
//! the 99th percentile) of the old release's have been. Each comparison gathers [`Evidence`] that may be looked at as often
//! as one likes: if the new release is not worse, the probability that it is ever called so is at most
//! [`Settings::false_alarm`], however long the step lasts and however often it is judged. Load and latency may change
//! meanwhile, for both see the same moment; but requests must go to either release by chance, not by what they ask for.
//!
//! The rules:
//!
//! - **Worse** is said as soon as the evidence is enough, and never taken back.
//! - Nothing else is said before both releases have had `requests_min` requests: until then it is **not enough traffic**.
//! - **Better** needs as much evidence as worse. All else is the **same**.
//! - A difference that is tolerated is none.
//!
//! With the usual settings and nine times the traffic on the old release, nine of ten times 500 requests to the new one tell
//! that 5 % fail instead of 1 %, 300 that all take twice as long, and 9,000 that the 99th percentile is twice as high while
//! the rest is as before.

mod evidence;
#[cfg(test)]
mod tests;

use std::fmt;

use evidence::{Counts, Evidence};

use crate::{
    histogram::{self, BUCKETS},
    rollout::Verdict,
};

/// The quantiles of latency that are compared.
const QUANTILES: [f64; 2] = [0.5, 0.99];
/// A rate of failures to begin with.
const USUAL_FAILURES: f64 = 0.01;
/// How many things are compared.
const COMPARISONS: f64 = 3.0;

/// How strict a judge is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// The greatest probability that a release that is not worse is called so, in all the time that it is judged (0 to 1).
    pub false_alarm: f64,
    /// How many requests each release must have had before anything but worse is said.
    pub requests_min: u64,
    /// By how much the share of failures may be higher (0 to 1).
    pub failures_tolerated: f64,
    /// How many times the latency may be higher, at least 1.
    pub latency_tolerated: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { false_alarm: 0.01, requests_min: 1_000, failures_tolerated: 0.002, latency_tolerated: 1.25 }
    }
}

/// What a release did between two looks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figures {
    /// Requests that ended.
    pub requests: u64,
    /// Those of them that failed.
    pub failures: u64,
    /// How long the others took: counts by [`histogram::bucket`].
    pub latency: Vec<u64>,
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} requests failed", self.failures, self.requests)?;
        let p99 = histogram::quantile(&self.latency, 0.99);
        p99.map_or(Ok(()), |us| write!(f, ", p99 {:.1} ms", us as f64 / 1e3))
    }
}

impl Default for Figures {
    fn default() -> Self {
        Self { requests: 0, failures: 0, latency: vec![0; BUCKETS] }
    }
}

/// The judge of one step.
#[derive(Debug, Clone)]
pub struct Judge {
    settings: Settings,
    old: Figures,
    new: Figures,
    failures: Comparison,
    latency: [Comparison; QUANTILES.len()],
}

/// One thing that is compared.
#[derive(Debug, Clone)]
struct Comparison {
    worse: Evidence,
    better: Evidence,
}

impl Comparison {
    fn new(usual: f64) -> Self {
        Self { worse: Evidence::new(usual), better: Evidence::new(usual) }
    }
}

impl Judge {
    /// A judge that has seen nothing.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            old: Figures::default(),
            new: Figures::default(),
            failures: Comparison::new(USUAL_FAILURES),
            latency: QUANTILES.map(|quantile| Comparison::new(1.0 - quantile)),
        }
    }

    /// What it has seen of the old release and of the new one.
    pub fn seen(&self) -> [&Figures; 2] {
        [&self.old, &self.new]
    }

    /// Takes what both releases did since the last look, and says how they compare.
    pub fn look(&mut self, old: &Figures, new: &Figures) -> Verdict {
        let [failed_old, failed_new] = [old, new].map(|f| Counts { all: f.requests, hits: f.failures.min(f.requests) });
        self.failures.worse.gather(failed_old, failed_new);
        self.failures.better.gather(failed_new, failed_old);
        for (comparison, quantile) in self.latency.iter_mut().zip(QUANTILES) {
            // The limit is that of the past: it must not depend on what it shall tell of.
            if let Some(limit) = histogram::quantile(&self.old.latency, quantile) {
                let more = stretch(limit, self.settings.latency_tolerated);
                comparison.worse.gather(slower(old, limit), slower(new, more));
                comparison.better.gather(slower(new, limit), slower(old, more));
            }
        }
        self.old.add(old);
        self.new.add(new);
        self.verdict()
    }

    /// How they compare so far.
    pub fn verdict(&self) -> Verdict {
        let is_proven = |evidence: &Evidence| evidence.is_beyond(COMPARISONS / self.settings.false_alarm);
        let excess = self.new.failure_rate() - self.old.failure_rate();
        let tolerated = self.settings.failures_tolerated;
        let fails_more = is_proven(&self.failures.worse) && excess > tolerated;
        let fails_less = is_proven(&self.failures.better) && -excess > tolerated;
        if fails_more || self.latency.iter().any(|comparison| is_proven(&comparison.worse)) {
            Verdict::Worse
        } else if self.old.requests.min(self.new.requests) < self.settings.requests_min {
            Verdict::NotEnoughTraffic
        } else if fails_less || self.latency.iter().any(|comparison| is_proven(&comparison.better)) {
            Verdict::Better
        } else {
            Verdict::Same
        }
    }
}

impl Figures {
    fn add(&mut self, more: &Self) {
        self.requests += more.requests;
        self.failures += more.failures;
        self.latency.iter_mut().zip(&more.latency).for_each(|(sum, count)| *sum += count);
    }

    fn failure_rate(&self) -> f64 {
        self.failures as f64 / self.requests.max(1) as f64
    }
}

/// How many took longer than the bucket of a limit in µs.
fn slower(figures: &Figures, limit: u64) -> Counts {
    let first = (histogram::bucket(limit) + 1).min(figures.latency.len());
    Counts { all: figures.latency.iter().sum(), hits: figures.latency[first..].iter().sum() }
}

/// So many times a latency in µs.
fn stretch(micros: u64, times: f64) -> u64 {
    #[expect(clippy::cast_possible_truncation, reason = "it is at most the largest latency")]
    let stretched = (micros as f64 * times.max(1.0)).min(histogram::LARGEST as f64) as u64;
    stretched
}
