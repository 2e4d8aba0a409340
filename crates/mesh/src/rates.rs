//! How many requests a connection takes in a time.

use std::{num::NonZeroU32, sync::atomic::Ordering::Relaxed};

use logic::rate::Rate;
use model::{Reason, Timestamp, spec};

use crate::{guard::shown, problem::Fault, tally::Tally};

/// The rates of a connection, as one of its policies sees them.
pub(crate) type Rates = Tally<spec::Rate, Rate>;

impl Rates {
    /// Those of policies that ask for these. What `before` knows of one goes on.
    pub(crate) fn new(policies: &[Option<spec::Rate>], before: &[&Self]) -> Vec<Self> {
        Self::of(policies, before, |asked| {
            Some(Rate::new(NonZeroU32::new(asked.requests)?, asked.per, NonZeroU32::new(asked.burst)?))
        })
    }

    /// Lets a request pass, or says why not.
    pub(crate) fn admit(&self, now: Timestamp) -> Result<(), Fault> {
        if let Some(own) = &self.own {
            let admitted = own.word.0.fetch_update(Relaxed, Relaxed, |state| own.rule.admit(state, now).ok());
            admitted.map_err(|state| too_often(&own.rule, state, now))?;
        }
        for other in &self.others {
            let _ = other.word.0.fetch_update(Relaxed, Relaxed, |state| Some(other.rule.count(state, now)));
        }
        Ok(())
    }
}

fn too_often(rate: &Rate, state: u64, now: Timestamp) -> Fault {
    let wait = rate.admit(state, now).err().unwrap_or_default();
    Fault::new(Reason::RateLimited, format!("come again in {}", shown(wait))).retry_after(wait)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const NOW: Timestamp = Timestamp(1_790_000_000_000_000);

    fn burst(burst: u32) -> Option<spec::Rate> {
        Some(spec::Rate { requests: 1, per: Duration::from_secs(60), burst })
    }

    fn admitted(rates: &Rates, wanted: u32) -> u32 {
        (0..wanted).map(|_| u32::from(rates.admit(NOW).is_ok())).sum()
    }

    #[test]
    fn one_rate_is_one_bound_whatever_the_policies() {
        let rates = Rates::new(&[burst(5), burst(5)], &[]);
        assert_eq!((admitted(&rates[0], 3), admitted(&rates[1], 9), admitted(&rates[0], 9)), (3, 2, 0));
    }

    /// The old release may do ten, the new one three.
    #[test]
    fn each_is_judged_by_its_own_and_counted_by_all() {
        let rates = Rates::new(&[burst(10), burst(3)], &[]);
        assert_eq!((admitted(&rates[1], 9), admitted(&rates[0], 20)), (3, 7), "ten in sum");
        let rates = Rates::new(&[burst(10), burst(3)], &[]);
        assert_eq!(
            (admitted(&rates[0], 4), admitted(&rates[1], 9), admitted(&rates[0], 20)),
            (4, 0, 6),
            "four are more than three"
        );
        let rates = Rates::new(&[None, burst(3)], &[]);
        assert_eq!((admitted(&rates[0], 50), admitted(&rates[1], 9)), (50, 0), "all that come are counted");
    }

    #[test]
    fn what_a_rate_has_counted_stays_with_it() {
        let before = Rates::new(&[burst(5)], &[]);
        assert_eq!(admitted(&before[0], 4), 4);
        let two = Rates::new(&[burst(2), burst(5)], &[&before[0]]);
        assert_eq!((admitted(&two[1], 9), admitted(&two[0], 9)), (1, 1), "the other one begins");
        let promoted = Rates::new(&[burst(2)], &two.iter().collect::<Vec<_>>());
        assert_eq!(admitted(&promoted[0], 9), 0);
    }
}
