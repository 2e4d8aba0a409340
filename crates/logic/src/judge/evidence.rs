//! Evidence that something happens more often in one group of requests than in another.
//!
//! It is an e-process (Turner, Ly and Grünwald 2021, "Safe tests for 2x2 contingency tables"): for each block of requests
//! that one looks at, the likelihood of what was seen if the odds in the second group are so many times those in the first,
//! divided by its likelihood if both groups have the mean of the two rates. While the rate in the second group is no higher,
//! the expectation of each factor is at most 1, whatever the rates are and though they change from block to block. So by
//! Ville's inequality their product ever exceeds x with a probability of at most 1/x. The rate of the first group is
//! taken from the blocks before; the ratio of the odds is one of a few, and the products are averaged.

use libm::{exp, log};

/// How many times higher the odds may be.
const RATIOS: [f64; 5] = [1.5, 2.0, 4.0, 10.0, 40.0];

/// A block of requests of one group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) all: u64,
    pub(super) hits: u64,
}

impl Counts {
    /// The logarithm of how many times likelier this is with a rate than with another.
    fn log_ratio(self, rate: f64, other: f64) -> f64 {
        let (hits, misses) = (self.hits as f64, (self.all - self.hits) as f64);
        hits * log(rate / other) + misses * log((1.0 - rate) / (1.0 - other))
    }
}

/// Evidence that the rate is higher in the second group.
#[derive(Debug, Clone)]
pub(super) struct Evidence {
    /// The logarithm of the product for each ratio.
    logs: [f64; RATIOS.len()],
    /// The most that their average has been, as a logarithm.
    peak: f64,
    /// The first group so far, with a first guess that weighs as one hit.
    hits: f64,
    all: f64,
}

impl Evidence {
    /// None yet; the usual rate is a first guess.
    pub(super) fn new(usual: f64) -> Self {
        Self { logs: [0.0; RATIOS.len()], peak: 0.0, hits: 1.0, all: 1.0 / usual }
    }

    /// Takes a block.
    pub(super) fn gather(&mut self, first: Counts, second: Counts) {
        if first.all > 0 && second.all > 0 {
            for (log, ratio) in self.logs.iter_mut().zip(RATIOS) {
                *log += log_factor(first, second, self.hits / self.all, ratio);
            }
            self.peak = self.peak.max(log_mean(&self.logs));
        }
        self.hits += first.hits as f64;
        self.all += first.all as f64;
    }

    /// Whether it ever exceeded this.
    pub(super) fn is_beyond(&self, factor: f64) -> bool {
        self.peak >= log(factor)
    }
}

fn log_factor(first: Counts, second: Counts, rate: f64, ratio: f64) -> f64 {
    let rate = rate.clamp(1e-6, 0.999);
    let higher = ratio * rate / (1.0 - rate + ratio * rate);
    let (n, m) = (first.all as f64, second.all as f64);
    let mean = (n * rate + m * higher) / (n + m);
    first.log_ratio(rate, mean) + second.log_ratio(higher, mean)
}

/// The logarithm of the mean of numbers that are given by theirs.
fn log_mean(logs: &[f64]) -> f64 {
    let most = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    most + log(logs.iter().map(|log| exp(log - most)).sum::<f64>() / logs.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The expectation of a factor under equal rates, over all outcomes of a small block: never above 1.
    #[test]
    fn a_factor_is_one_at_the_most_while_the_rates_are_equal() {
        for (n, m) in [(1, 1), (9, 1), (1, 9), (5, 4)] {
            for truth in [0.001, 0.1, 0.5, 0.9] {
                for (guess, ratio) in [(0.01, 1.5), (0.01, 40.0), (0.5, 4.0), (0.9, 10.0)] {
                    let mean = expectation(n, m, truth, |a, b| log_factor(a, b, guess, ratio).exp());
                    assert!(mean <= 1.0 + 1e-9, "{n} {m} {truth} {guess} {ratio}: {mean}");
                }
            }
        }
    }

    fn expectation(n: u64, m: u64, rate: f64, of: impl Fn(Counts, Counts) -> f64) -> f64 {
        let outcomes = (0..=n).flat_map(|a| (0..=m).map(move |b| (a, b)));
        let term = |(a, b)| {
            let weight = binomial(n, a, rate) * binomial(m, b, rate);
            weight * of(Counts { all: n, hits: a }, Counts { all: m, hits: b })
        };
        outcomes.map(term).sum()
    }

    fn binomial(n: u64, k: u64, rate: f64) -> f64 {
        let choose: f64 = (0..k).map(|i| (n - i) as f64 / (k - i) as f64).product();
        choose * rate.powf(k as f64) * (1.0 - rate).powf((n - k) as f64)
    }

    #[test]
    fn a_higher_rate_is_seen_and_a_lower_one_is_not() {
        let block = |hits| Counts { all: 1_000, hits };
        for (first, second, expected) in
            [(10, 10, false), (10, 50, true), (50, 10, false), (0, 0, false), (0, 20, true)]
        {
            let mut evidence = Evidence::new(0.01);
            evidence.gather(block(first), block(second));
            assert_eq!(evidence.is_beyond(300.0), expected, "{first} {second}");
            for _ in 0..100 {
                evidence.gather(block(0), block(0));
            }
            assert_eq!(evidence.is_beyond(300.0), expected, "it is not forgotten");
        }
    }
}
