//! How many retries a connection may make: a share of its requests, and a few a second for one that is seldom used.
//!
//! What was not used is worth less and less: the balance moves towards that of a connection without requests, to 1/e of
//! the distance in 10 s. So it settles at 10 s worth of retries, as the windows of Finagle's `RetryBudget` do, but in
//! one number: the balance in thousandths of a retry (28 bits) below the tenth of a second that it holds for (36 bits).
//! State 0 is a budget that nothing has used yet.

use model::Timestamp;

/// Microseconds in a slot.
const SLOT: u64 = 100_000;
const SECONDS_KEPT: u64 = 10;
/// What is left of a distance after one slot.
const KEPT_PER_SLOT: f64 = 1.0 - SLOT as f64 / (SECONDS_KEPT * 1_000_000) as f64;
const BALANCE_BITS: u32 = 28;
const BALANCE_MAX: u64 = (1 << BALANCE_BITS) - 1;
/// The price of a retry.
const RETRY: u64 = 1000;

/// The terms of a retry budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Retries for every 100 requests.
    pub percent: u32,
    /// Retries a second that need no requests.
    pub min_per_second: u32,
}

impl Budget {
    /// The state after a request that is not a retry.
    pub fn deposit(&self, state: u64, now: Timestamp) -> u64 {
        let (slot, balance) = self.at(state, now);
        pack(slot, balance + u64::from(self.percent) * RETRY / 100)
    }

    /// The state after a retry; `None` if there is nothing left for one.
    pub fn withdraw(&self, state: u64, now: Timestamp) -> Option<u64> {
        let (slot, balance) = self.at(state, now);
        balance.checked_sub(RETRY).map(|left| pack(slot, left))
    }

    /// The state after a retry that another budget let pass.
    pub fn count(&self, state: u64, now: Timestamp) -> u64 {
        let (slot, balance) = self.at(state, now);
        pack(slot, balance.saturating_sub(RETRY))
    }

    /// The state moved on to `now`; nearly always it is there already.
    fn at(&self, state: u64, now: Timestamp) -> (u64, u64) {
        let (slot, balance) = (state >> BALANCE_BITS, state & BALANCE_MAX);
        let current = now.0 / SLOT;
        if current <= slot {
            return (slot, balance);
        }
        let idle = (u64::from(self.min_per_second) * RETRY * SECONDS_KEPT) as f64;
        let kept = KEPT_PER_SLOT.powi((current - slot).try_into().unwrap_or(i32::MAX));
        #[expect(clippy::cast_possible_truncation, reason = "between two numbers that fit; pack bounds it")]
        let balance = (idle + (balance as f64 - idle) * kept) as u64;
        (current, balance)
    }
}

fn pack(slot: u64, balance: u64) -> u64 {
    slot << BALANCE_BITS | balance.min(BALANCE_MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const START: Timestamp = Timestamp(1_790_000_000_000_000);

    /// Retries that are granted while so many requests a second come for so many seconds, each wanting one.
    fn granted(budget: Budget, state: &mut u64, from: Timestamp, per_second: u32, seconds: u32) -> u32 {
        let mut granted = 0;
        for number in 0..per_second * seconds {
            let now = from + Duration::from_secs(1) * number / per_second;
            *state = budget.deposit(*state, now);
            if let Some(next) = budget.withdraw(*state, now) {
                (*state, granted) = (next, granted + 1);
            }
        }
        granted
    }

    #[test]
    fn a_share_of_the_requests_and_a_few_a_second() {
        for (percent, min_per_second, per_second, least, most) in [
            (20, 10, 1000, 2 * 20_000 + 900, 2 * 20_000 + 2 * 1000 + 100),
            (20, 0, 1000, 39_900, 40_000),
            (10, 0, 1000, 19_900, 20_000),
            (0, 10, 1000, 1900, 2100),
            (0, 1, 1000, 180, 210),
            (0, 0, 1000, 0, 0),
            (100, 0, 50, 9900, 10_000),
        ] {
            let found = granted(Budget { percent, min_per_second }, &mut 0, START, per_second, 200);
            assert!((least..=most).contains(&found), "{percent} % and {min_per_second} a second: {found}");
        }
    }

    #[test]
    fn ten_seconds_worth_are_kept() {
        let budget = Budget { percent: 20, min_per_second: 10 };
        let mut state = 0;
        for number in 0..60_000 {
            state = budget.deposit(state, START + Duration::from_millis(number));
        }
        let end = START + Duration::from_secs(60);
        let at_once = |mut state: u64, now| {
            (0..).find(|_| budget.withdraw(state, now).map(|next| state = next).is_none()).unwrap()
        };
        let busy = at_once(state, end);
        assert!((2050..=2100).contains(&busy), "10 s of 1,000 requests a second at 20 %, and the floor: {busy}");
        let idle = at_once(state, end + Duration::from_secs(120));
        assert!((99..=101).contains(&idle), "only the floor: {idle}");
        assert_eq!(at_once(0, START), 100, "a fresh one has the floor");
    }

    #[test]
    fn a_clock_that_lags_does_no_harm() {
        let budget = Budget { percent: 100, min_per_second: 0 };
        let later = budget.deposit(0, START + Duration::from_secs(5));
        let earlier = budget.deposit(later, START);
        assert_eq!(earlier - later, RETRY);
        assert!(budget.withdraw(earlier, START).is_some());
    }

    #[test]
    fn what_another_budget_lets_pass_is_counted() {
        let budget = Budget { percent: 0, min_per_second: 1 };
        for (counted, left) in [(0, 10), (3, 7), (10, 0), (99, 0)] {
            let mut state = (0..counted).fold(0, |state, _| budget.count(state, START));
            let granted = (0..).find(|_| budget.withdraw(state, START).map(|next| state = next).is_none());
            assert_eq!(granted, Some(left), "after {counted}");
        }
    }

    #[test]
    fn the_balance_never_runs_into_the_time() {
        let budget = Budget { percent: u32::MAX, min_per_second: u32::MAX };
        let state = budget.deposit(0, START);
        assert_eq!(budget.deposit(state, START), state);
        assert_eq!(state >> BALANCE_BITS, START.0 / SLOT);
    }
}
