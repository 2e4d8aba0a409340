//! Which releases are forgotten.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use model::Timestamp;

use super::Ledger;

/// How many releases are kept.
const RELEASES_KEPT: usize = 10;
/// How old a release becomes.
const AGE_MAX: Duration = Duration::from_secs(30 * 24 * 3600);

/// The releases that are not among the last ten or are older than 30 days; what runs, what ran before it and what is on its
/// way stays.
pub fn forgotten(made: &BTreeMap<u64, Timestamp>, ledger: &Ledger, now: Timestamp) -> BTreeSet<u64> {
    let needed = ledger.needed();
    let newest_first = made.iter().rev().enumerate();
    let old = newest_first.filter(|(place, (_, at))| *place >= RELEASES_KEPT || now.since(**at) > AGE_MAX);
    old.map(|(_, (number, _))| *number).filter(|number| !needed.contains(number)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_and_thirty_days_and_what_is_needed() {
        const DAY: Duration = Duration::from_secs(24 * 3600);
        let begin = Timestamp(0);
        let made: BTreeMap<_, _> = (1..=15).map(|number: u32| (u64::from(number), begin + DAY * number)).collect();
        let mut ledger = Ledger::default();
        (1..=15).for_each(|number| ledger.runs(number));
        let forgotten = |ledger: &Ledger, day: u32| Vec::from_iter(forgotten(&made, ledger, begin + DAY * day));
        assert_eq!(forgotten(&ledger, 15), [1, 2, 3, 4, 5]);
        assert_eq!(forgotten(&ledger, 38), [1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(forgotten(&ledger, 90), Vec::from_iter(1..=13));
        ledger.runs(2);
        assert_eq!(forgotten(&ledger, 90), Vec::from_iter(3..=15), "what runs and what ran before stays");
    }
}
