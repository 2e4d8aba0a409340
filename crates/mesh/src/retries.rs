//! How many retries a connection may do: a share of its requests, whatever their policies.

use std::sync::atomic::Ordering::Relaxed;

use logic::budget::Budget;
use model::{Timestamp, spec::RetryBudget};

use crate::tally::{Counted, Tally};

/// The retry budgets of a connection, as one of its policies sees them.
pub(crate) type Retries = Tally<RetryBudget, Budget>;

impl Retries {
    /// Those of policies that ask for these. What `before` knows of one goes on.
    pub(crate) fn new(policies: &[RetryBudget], before: &[&Self]) -> Vec<Self> {
        let policies: Vec<_> = policies.iter().copied().map(Some).collect();
        Self::of(&policies, before, |RetryBudget { percent, per_second_min }| {
            Some(Budget { percent, min_per_second: per_second_min })
        })
    }

    /// A request has come that is no retry.
    pub(crate) fn deposit(&self, now: Timestamp) {
        let deposit = |one: &Counted<_, Budget>| {
            let next = |state| Some(one.rule.deposit(state, now)).filter(|next| *next != state);
            let _ = one.word.0.fetch_update(Relaxed, Relaxed, next);
        };
        self.own.iter().for_each(&deposit);
        self.others.iter().for_each(&deposit);
    }

    /// Takes a retry out, if there is one left.
    pub(crate) fn withdraw(&self, now: Timestamp) -> bool {
        let Some(own) = &self.own else { return false };
        let withdrawn = own.word.0.fetch_update(Relaxed, Relaxed, |state| own.rule.withdraw(state, now)).is_ok();
        for other in self.others.iter().filter(|_| withdrawn) {
            let _ = other.word.0.fetch_update(Relaxed, Relaxed, |state| Some(other.rule.count(state, now)));
        }
        withdrawn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_790_000_000_000_000);

    fn budget(percent: u32, per_second_min: u32) -> RetryBudget {
        RetryBudget { percent, per_second_min }
    }

    fn granted(retries: &Retries, wanted: u32) -> u32 {
        (0..wanted).map(|_| u32::from(retries.withdraw(NOW))).sum()
    }

    #[test]
    fn one_budget_is_one_whatever_the_policies() {
        let retries = Retries::new(&[budget(20, 1), budget(20, 1)], &[]);
        (0..50).for_each(|number| retries[number % 2].deposit(NOW));
        assert_eq!((granted(&retries[0], 12), granted(&retries[1], 99)), (12, 8), "ten seconds' worth, and a fifth");
    }

    #[test]
    fn each_is_judged_by_its_own_and_counted_by_all() {
        let retries = Retries::new(&[budget(20, 1), budget(0, 0), budget(20, 0)], &[]);
        (0..50).for_each(|number| retries[number % 3].deposit(NOW));
        assert_eq!(granted(&retries[1], 9), 0, "it has none, whatever the others have");
        assert_eq!(
            (granted(&retries[2], 4), granted(&retries[0], 99), granted(&retries[2], 9)),
            (4, 16, 0),
            "twenty in sum"
        );
        let promoted = Retries::new(&[budget(20, 0)], &retries.iter().collect::<Vec<_>>());
        assert_eq!(granted(&promoted[0], 9), 0);
    }
}
