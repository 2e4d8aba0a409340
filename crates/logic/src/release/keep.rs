//! Which releases are forgotten.

use std::collections::{BTreeMap, BTreeSet};

use model::{Gather, Timestamp, spec::Kept};

use super::Ledger;

/// The releases that are too many or too old; what runs, what ran before it and what is on its way stays.
pub fn forgotten(made: &BTreeMap<u64, Timestamp>, ledger: &Ledger, kept: &Kept, now: Timestamp) -> BTreeSet<u64> {
    let needed = ledger.needed();
    let newest_first = made.iter().rev().enumerate();
    let is_old = |place: usize, at: Timestamp| place >= kept.releases_max as usize || now.since(at) > kept.releases_age;
    let old = newest_first.filter(|(place, (_, at))| is_old(*place, **at));
    old.map(|(_, (number, _))| *number).filter(|number| !needed.contains(number)).gather()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn ten_and_thirty_days_and_what_is_needed() {
        const DAY: Duration = Duration::from_secs(24 * 3600);
        let begin = Timestamp(0);
        let made: BTreeMap<_, _> = (1..=15).map(|number: u32| (u64::from(number), begin + DAY * number)).collect();
        let mut ledger = Ledger::default();
        (1..=15).for_each(|number| ledger.runs(number));
        let kept =
            |kept: &Kept, ledger: &Ledger, day: u32| Vec::from_iter(forgotten(&made, ledger, kept, begin + DAY * day));
        let forgotten = |ledger: &Ledger, day: u32| kept(&Kept::default(), ledger, day);
        assert_eq!(forgotten(&ledger, 15), [1, 2, 3, 4, 5]);
        assert_eq!(forgotten(&ledger, 38), [1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(forgotten(&ledger, 90), Vec::from_iter(1..=13));
        let few = Kept { releases_max: 3, releases_age: DAY * 5 };
        assert_eq!(kept(&few, &ledger, 15), Vec::from_iter(1..=12));
        assert_eq!(kept(&few, &ledger, 19), Vec::from_iter(1..=13), "the one that ran before is needed");
        ledger.runs(2);
        assert_eq!(forgotten(&ledger, 90), Vec::from_iter(3..=15), "what runs and what ran before stays");
    }
}
