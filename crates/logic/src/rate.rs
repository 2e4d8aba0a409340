//! A rate limit whose whole state is one number, so that all workers share it in one atomic.
//!
//! This is the generic cell rate algorithm (ITU-T I.371, Annex A) as a virtual schedule: the state is the time at which
//! the next request would be due if all came evenly. State 0 is a limit that nothing has used yet.

use std::{num::NonZeroU32, time::Duration};

use model::Timestamp;

/// Ticks of the schedule in a microsecond. Time since 1970 fits until 2112, an interval is exact to 0.25 ns.
const TICKS: u64 = 4096;

/// So many requests in a time, evenly, and so many at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Ticks from one request to the next.
    interval: u64,
    /// Ticks by which a request may come early.
    tolerance: u64,
}

impl Rate {
    /// `requests` in every `per`, of which `burst` may come at once. The interval between two is rounded up: the rate
    /// is never exceeded, and missed by less than 0.025 % up to 1,000,000 a second.
    pub fn new(requests: NonZeroU32, per: Duration, burst: NonZeroU32) -> Self {
        let ticks = (per.as_nanos() * u128::from(TICKS)).div_ceil(1000 * u128::from(requests.get()));
        let interval = u64::try_from(ticks).unwrap_or(u64::MAX).max(1);
        Self { interval, tolerance: interval.saturating_mul(u64::from(burst.get() - 1)) }
    }

    /// The state after one more request.
    ///
    /// # Errors
    /// The time until a request would be admitted, if this one is too many; the state stays.
    pub fn admit(&self, state: u64, now: Timestamp) -> Result<u64, Duration> {
        let now = ticks(now);
        let due = state.max(now);
        let early = (due - now).saturating_sub(self.tolerance);
        if early > 0 {
            Err(Duration::from_micros(early.div_ceil(TICKS)))
        } else {
            Ok(due.saturating_add(self.interval))
        }
    }

    /// The state after a request that another limit let pass. However many those are, the first one of this limit waits no longer
    /// than an interval after the last of them.
    pub fn count(&self, state: u64, now: Timestamp) -> u64 {
        let now = ticks(now);
        let most = now.saturating_add(self.tolerance).saturating_add(self.interval);
        state.max(now).saturating_add(self.interval).min(most).max(state)
    }
}

fn ticks(time: Timestamp) -> u64 {
    time.0.saturating_mul(TICKS)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    /// A day in 2026.
    const START: u64 = 1_790_000_000_000_000;

    fn rate(requests: u32, per: Duration, burst: u32) -> Rate {
        Rate::new(NonZeroU32::new(requests).unwrap(), per, NonZeroU32::new(burst).unwrap())
    }

    #[test]
    fn admits_a_burst_and_then_the_rate() {
        let ten = rate(10, SECOND, 3);
        let mut state = 0;
        for (at_ms, expected) in [
            (0, Ok(())),
            (0, Ok(())),
            (0, Ok(())),
            (0, Err(100)),
            (99, Err(1)),
            (100, Ok(())),
            (100, Err(100)),
            (250, Ok(())),
            (250, Err(50)),
            (90, Err(210)),
            (10_000, Ok(())),
            (10_000, Ok(())),
            (10_000, Ok(())),
            (10_000, Err(100)),
        ] {
            let found = ten.admit(state, Timestamp(START + at_ms * 1000));
            assert_eq!(found.map(|_| ()).map_err(|wait| wait.as_millis()), expected, "at {at_ms} ms");
            state = found.unwrap_or(state);
        }
    }

    #[test]
    fn a_second_at_full_demand() {
        for (requests, per, burst, expected) in [
            (1, SECOND, 1, 1..=1),
            (3, SECOND, 1, 3..=3),
            (60, SECOND * 60, 5, 5..=5),
            (999_983, SECOND, 2, 999_735..=999_985),
            (1_000_000, SECOND, 10, 1_000_009..=1_000_009),
        ] {
            let limit = rate(requests, per, burst);
            let (mut state, mut admitted) = (0, 0);
            for at in 0..1_000_000 {
                while let Ok(next) = limit.admit(state, Timestamp(START + at)) {
                    (state, admitted) = (next, admitted + 1);
                }
            }
            assert!(expected.contains(&admitted), "{requests} in {per:?}: {admitted}");
        }
    }

    #[test]
    fn what_another_limit_lets_pass_is_counted() {
        let (ten, now) = (rate(10, SECOND, 2), Timestamp(START));
        let wait = |state| ten.admit(state, now).map(|_| ()).map_err(|wait| wait.as_millis());
        for (counted, expected) in [(0, Ok(())), (1, Ok(())), (2, Err(100)), (3, Err(100)), (1000, Err(100))] {
            let state = (0..counted).fold(0, |state, _| ten.count(state, now));
            assert_eq!(wait(state), expected, "after {counted}");
        }
        let later = (0..3).fold(0, |state, _| ten.count(state, now + SECOND));
        assert_eq!(ten.count(later, now), later, "a clock that lags takes nothing back");
    }

    proptest! {
        /// Each is judged by its own, and counted by both.
        #[test]
        fn two_limits_never_let_more_pass_than_the_greater_one(
            requests in (1..500_u32, 0..500_u32),
            burst in (1..8_u32, 0..8_u32),
            steps in prop::collection::vec((0..5000_u64, any::<bool>()), 1..300),
        ) {
            let limits = [rate(requests.0, SECOND, burst.0), rate(requests.0 + requests.1, SECOND, burst.0 + burst.1)];
            let (mut states, mut now, mut admitted) = ([0; 2], START, Vec::new());
            for (step, greater) in steps {
                now += step;
                let (own, other) = (usize::from(greater), usize::from(!greater));
                if let Ok(next) = limits[own].admit(states[own], Timestamp(now)) {
                    states[own] = next;
                    states[other] = limits[other].count(states[other], Timestamp(now));
                    admitted.push(now);
                }
            }
            for (index, first) in admitted.iter().enumerate() {
                for (more, last) in admitted[index..].iter().enumerate() {
                    let allowed = u64::from(burst.0 + burst.1) + (last - first) * u64::from(requests.0 + requests.1) / 1_000_000;
                    prop_assert!((more as u64) < allowed);
                }
            }
        }

        #[test]
        fn no_window_holds_more_than_burst_and_rate(
            requests in 1..2000_u32,
            burst in 1..20_u32,
            steps in prop::collection::vec(0..5000_u64, 1..300),
        ) {
            let limit = rate(requests, SECOND, burst);
            let (mut state, mut now, mut admitted) = (0, START, Vec::new());
            for step in steps {
                now += step;
                match limit.admit(state, Timestamp(now)) {
                    Ok(next) => {
                        state = next;
                        admitted.push(now);
                    }
                    Err(wait) => {
                        prop_assert!(limit.admit(state, Timestamp(now) + wait).is_ok());
                        prop_assert!(limit.admit(state, Timestamp(now) + wait - Duration::from_micros(1)).is_err());
                    }
                }
            }
            for (index, first) in admitted.iter().enumerate() {
                for (more, last) in admitted[index..].iter().enumerate() {
                    let allowed = u64::from(burst) + (last - first) * u64::from(requests) / 1_000_000;
                    prop_assert!((more as u64) < allowed);
                }
            }
        }
    }
}
