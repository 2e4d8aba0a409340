//! A second try of a call that takes unusually long, before the first has failed ("The Tail at Scale", Dean and
//! Barroso, 2013).

use std::time::Duration;

use crate::histogram;

/// With fewer calls a 95th percentile says nothing.
const CALLS_MIN: u64 = 100;

/// After which time a call is unusually long: the 95th percentile of recent latencies (counts by
/// [`histogram::bucket`]), so that about one call in twenty is hedged. `None` while too few are known.
pub fn delay(recent: &[u64]) -> Option<Duration> {
    let calls: u64 = recent.iter().sum();
    (calls >= CALLS_MIN).then(|| histogram::quantile(recent, 0.95)).flatten().map(Duration::from_micros)
}

/// When to try a call a second time, from its start; `None` for one that is never hedged: it could do harm twice, the
/// delay is unknown, or its time is up before. The retry budget is asked when the time has come.
pub fn hedge_after(idempotent: bool, delay: Option<Duration>, timeout: Duration) -> Option<Duration> {
    delay.filter(|delay| idempotent && *delay < timeout)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delay_is_the_95th_percentile() {
        for (fast, slow, expected) in
            [(0, 0, None), (99, 0, None), (100, 0, Some(10)), (95, 5, Some(10)), (94, 6, Some(14))]
        {
            let mut counts = [0; histogram::BUCKETS];
            counts[histogram::bucket(10)] = fast;
            counts[histogram::bucket(14)] = slow;
            assert_eq!(delay(&counts), expected.map(Duration::from_micros), "{fast} {slow}");
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
