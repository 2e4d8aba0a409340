//! A second try of a call that takes unusually long, before the first has failed ("The Tail at Scale", Dean and
//! Barroso, 2013).

use std::time::Duration;

use crate::histogram;

/// With fewer calls a 95th percentile says nothing.
const CALLS_MIN: u32 = 100;
/// After so many calls what was before the last as many is forgotten.
const CALLS_KEPT: u32 = 200;
/// After so many calls it is looked at again what is unusually long.
const LOOK_AGAIN: u32 = 20;

/// How long the last calls took until their answer began: 200 of them, and up to as many before.
#[derive(Debug, Clone)]
pub struct Recent {
    /// Counts by [`histogram::bucket`].
    last: Box<[u32; histogram::BUCKETS]>,
    before: Box<[u32; histogram::BUCKETS]>,
    calls: u32,
    delay: Option<Duration>,
}

impl Default for Recent {
    fn default() -> Self {
        let none = || Box::new([0; histogram::BUCKETS]);
        Self { last: none(), before: none(), calls: 0, delay: None }
    }
}

impl Recent {
    /// Takes note of a call that was answered, or timed out, after so long.
    pub fn observe(&mut self, latency: Duration) {
        self.last[histogram::bucket(u64::try_from(latency.as_micros()).unwrap_or(u64::MAX))] += 1;
        self.calls += 1;
        if self.calls.is_multiple_of(LOOK_AGAIN) && (self.calls >= CALLS_MIN || self.delay.is_some()) {
            self.delay = self.percentile();
        }
        if self.calls == CALLS_KEPT {
            std::mem::swap(&mut self.last, &mut self.before);
            self.last.fill(0);
            self.calls = 0;
        }
    }

    /// After which time a call is unusually long: the 95th percentile, so that about one call in twenty is hedged. `None`
    /// while fewer than 100 calls are known.
    pub fn delay(&self) -> Option<Duration> {
        self.delay
    }

    fn percentile(&self) -> Option<Duration> {
        let counts: [u64; histogram::BUCKETS] =
            std::array::from_fn(|bucket| u64::from(self.last[bucket] + self.before[bucket]));
        histogram::quantile(&counts, 0.95).map(Duration::from_micros)
    }
}

/// When to try a call a second time, from its start; `None` for one that is never hedged: it could do harm twice, the
/// delay is unknown, or its time is up before. The retry budget is asked when the time has come.
pub fn hedge_after(idempotent: bool, delay: Option<Duration>, timeout: Duration) -> Option<Duration> {
    delay.filter(|delay| idempotent && *delay < timeout)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The delay in µs after so many calls that take so many µs.
    fn delay(calls: &[(u32, u64)]) -> Option<u64> {
        let mut recent = Recent::default();
        for (calls, micros) in calls {
            (0..*calls).for_each(|_| recent.observe(Duration::from_micros(*micros)));
        }
        recent.delay().map(|delay| delay.as_micros().try_into().expect("it is short"))
    }

    #[test]
    fn the_delay_is_the_95th_percentile() {
        for (fast, slow, expected) in
            [(0, 0, None), (99, 0, None), (100, 0, Some(10)), (95, 5, Some(10)), (94, 6, Some(14)), (194, 6, Some(10))]
        {
            assert_eq!(delay(&[(fast, 10), (slow, 14)]), expected, "{fast} {slow}");
        }
    }

    #[test]
    fn it_is_that_of_the_last_calls() {
        for (before, slow, expected) in
            [(10_000, 19, 10), (10_000, 20, 14), (100_100, 20, 14), (100_180, 20, 10), (100_180, 40, 14)]
        {
            assert_eq!(delay(&[(before, 10), (slow, 14)]), Some(expected), "{before} {slow}");
        }
        for (fast, expected) in [(200, 14), (219, 14), (220, 10)] {
            assert_eq!(delay(&[(10_000, 14), (fast, 10)]), Some(expected), "{fast}");
        }
    }

    #[test]
    fn hedges() {
        let [short, long] = [10, 20].map(Duration::from_millis);
        for (idempotent, delay, timeout, expected) in [
            (true, Some(short), long, Some(short)),
            (true, Some(long), short, None),
            (true, Some(long), long, None),
            (true, None, long, None),
            (false, Some(short), long, None),
        ] {
            assert_eq!(hedge_after(idempotent, delay, timeout), expected);
        }
    }
}
