//! How many requests a connection takes in a time.
//!
//! Policies that ask for the same rate share its word. Where releases ask for different ones, each request is judged by that of its own
//! policy and counted by all: so no more come in sum than the one allows that lets a request pass, and what a release asks for refuses
//! nothing of the other one.

use std::{
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use logic::rate::Rate;
use model::{Reason, Timestamp, spec};

use crate::{bound::Padded, guard::shown, problem::Fault};

/// The rates of a connection, as one of its policies sees them.
pub(crate) struct Rates {
    own: Option<Counted>,
    /// Those of the other policies.
    others: Box<[Counted]>,
}

/// A rate and what has used it.
#[derive(Clone)]
struct Counted {
    asked: spec::Rate,
    rate: Rate,
    word: Arc<Padded<AtomicU64>>,
}

impl Rates {
    /// Those of each policy of a connection, which asks for such a rate. What `before` knows of one goes on.
    pub(crate) fn of(policies: &[Option<spec::Rate>], before: &[&Self]) -> Vec<Self> {
        let mut all: Vec<Counted> = Vec::new();
        for asked in policies.iter().flatten() {
            let known = before.iter().find_map(|rates| rates.own.as_ref().filter(|own| own.asked == *asked));
            if all.iter().all(|one| one.asked != *asked) {
                all.extend(known.cloned().or_else(|| Counted::new(*asked)));
            }
        }
        let seen_by = |asked: &Option<spec::Rate>| {
            let (own, others): (Vec<_>, _) = all.iter().cloned().partition(|one| Some(one.asked) == *asked);
            Self { own: own.into_iter().next(), others: others.into_boxed_slice() }
        };
        policies.iter().map(seen_by).collect()
    }

    /// Lets a request pass, or says why not.
    pub(crate) fn admit(&self, now: Timestamp) -> Result<(), Fault> {
        if let Some(own) = &self.own {
            own.admit(now)?;
        }
        self.others.iter().for_each(|other| other.count(now));
        Ok(())
    }

    /// Whether the own rate has the same word as that of the same policy before.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn go_on_from(&self, before: &Self) -> bool {
        match (&self.own, &before.own) {
            (Some(own), Some(before)) => Arc::ptr_eq(&own.word, &before.word),
            (own, before) => own.is_none() && before.is_none(),
        }
    }
}

impl Counted {
    fn new(asked: spec::Rate) -> Option<Self> {
        let rate = Rate::new(NonZeroU32::new(asked.requests)?, asked.per, NonZeroU32::new(asked.burst)?);
        Some(Self { asked, rate, word: Arc::default() })
    }

    fn admit(&self, now: Timestamp) -> Result<(), Fault> {
        let admitted = self.word.0.fetch_update(Relaxed, Relaxed, |state| self.rate.admit(state, now).ok());
        admitted.map(drop).map_err(|state| {
            let wait = self.rate.admit(state, now).err().unwrap_or_default();
            Fault::new(Reason::RateLimited, format!("come again in {}", shown(wait))).retry_after(wait)
        })
    }

    fn count(&self, now: Timestamp) {
        let _ = self.word.0.fetch_update(Relaxed, Relaxed, |state| Some(self.rate.count(state, now)));
    }
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
        let rates = Rates::of(&[burst(5), burst(5)], &[]);
        assert_eq!((admitted(&rates[0], 3), admitted(&rates[1], 9), admitted(&rates[0], 9)), (3, 2, 0));
    }

    /// The old release may do ten, the new one three.
    #[test]
    fn each_is_judged_by_its_own_and_counted_by_all() {
        let rates = Rates::of(&[burst(10), burst(3)], &[]);
        assert_eq!((admitted(&rates[1], 9), admitted(&rates[0], 20)), (3, 7), "ten in sum");
        let rates = Rates::of(&[burst(10), burst(3)], &[]);
        assert_eq!(
            (admitted(&rates[0], 4), admitted(&rates[1], 9), admitted(&rates[0], 20)),
            (4, 0, 6),
            "four are more than three"
        );
        let rates = Rates::of(&[None, burst(3)], &[]);
        assert_eq!((admitted(&rates[0], 50), admitted(&rates[1], 9)), (50, 0), "all that come are counted");
    }

    #[test]
    fn what_a_rate_has_counted_stays_with_it() {
        let before = Rates::of(&[burst(5)], &[]);
        assert_eq!(admitted(&before[0], 4), 4);
        let two = Rates::of(&[burst(2), burst(5)], &[&before[0]]);
        assert_eq!((admitted(&two[1], 9), admitted(&two[0], 9)), (1, 1), "the other one begins");
        let promoted = Rates::of(&[burst(2)], &two.iter().collect::<Vec<_>>());
        assert_eq!(admitted(&promoted[0], 9), 0);
    }
}
