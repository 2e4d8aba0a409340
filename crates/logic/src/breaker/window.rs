//! The evidence: the run of failures, and the counts of the last moments.

use model::Timestamp;

use super::Breaker;
use crate::outcome::Outcome;

/// How many buckets the window has.
pub const BUCKETS: usize = 10;

/// A bucket in a word: the lowest bits of the number of its slot of time, and the requests that succeeded and those
/// that did not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Bucket {
    slot: u64,
    good: u64,
    bad: u64,
}

const SLOT_BITS: u32 = 24;
const SLOT_MASK: u64 = (1 << SLOT_BITS) - 1;
const COUNT_BITS: u32 = 20;
const COUNT_MAX: u64 = (1 << COUNT_BITS) - 1;

impl Bucket {
    fn of(word: u64) -> Self {
        Self { slot: word >> (2 * COUNT_BITS), good: word >> COUNT_BITS & COUNT_MAX, bad: word & COUNT_MAX }
    }

    /// Counts that no longer fit are halved: their share stays.
    fn word(self) -> u64 {
        let shift = u32::from(self.good.max(self.bad) > COUNT_MAX);
        (self.slot << COUNT_BITS | self.good >> shift) << COUNT_BITS | self.bad >> shift
    }
}

/// The run of failures after one more outcome. "Too many" neither ends it nor adds to it.
pub fn run_after(run: u32, outcome: Outcome) -> u32 {
    match outcome {
        Outcome::Success => 0,
        Outcome::Failure => run.saturating_add(1),
        Outcome::Limited => run,
    }
}

impl Breaker {
    /// The bucket that counts at this time.
    pub fn index(&self, now: Timestamp) -> usize {
        #[expect(clippy::cast_possible_truncation, reason = "below BUCKETS")]
        let index = (self.slot(now) % BUCKETS as u64) as usize;
        index
    }

    /// A bucket after one more outcome; what it held of an earlier turn of the ring is gone.
    pub fn counted(&self, bucket: u64, outcome: Outcome, now: Timestamp) -> u64 {
        let slot = self.slot(now) & SLOT_MASK;
        let held = Bucket::of(bucket);
        let Bucket { good, bad, .. } = if held.slot == slot { held } else { Bucket { slot, good: 0, bad: 0 } };
        let succeeded = u64::from(outcome == Outcome::Success);
        Bucket { slot, good: good + succeeded, bad: bad + 1 - succeeded }.word()
    }

    /// A bucket without a success that was counted at this time; `None` if it holds that no more.
    pub fn uncounted(&self, bucket: u64, counted_at: Timestamp) -> Option<u64> {
        let held = Bucket::of(bucket);
        let is_held = held.slot == self.slot(counted_at) & SLOT_MASK && held.good > 0;
        is_held.then(|| Bucket { good: held.good - 1, ..held }.word())
    }

    /// Whether the evidence opens the breaker. Only an outcome that is no success can change the answer to yes.
    pub fn opens(&self, run: u32, buckets: &[u64; BUCKETS], now: Timestamp) -> bool {
        if self.failures_in_row > 0 && run >= self.failures_in_row {
            return true;
        }
        let current = self.slot(now);
        let recent = buckets.iter().map(|word| Bucket::of(*word));
        let recent = recent.filter(|bucket| current.wrapping_sub(bucket.slot) & SLOT_MASK < BUCKETS as u64);
        let (good, bad) = recent.fold((0, 0), |(good, bad), bucket| (good + bucket.good, bad + bucket.bad));
        good + bad >= u64::from(self.requests_min.max(1)) && (good as f64) < self.success_ratio * (good + bad) as f64
    }

    fn slot(&self, now: Timestamp) -> u64 {
        let width = (Timestamp(0) + self.window).0 / BUCKETS as u64;
        now.0 / width.max(1)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::breaker::USUAL;

    const START: Timestamp = Timestamp(1_790_000_000_000_000);
    const OUTCOMES: [Outcome; 3] = [Outcome::Success, Outcome::Failure, Outcome::Limited];

    /// Whether the breaker opens at the last of these outcomes, each with its time in ms, and `f`ailed, `s`ucceeded or
    /// `l`imited.
    fn opens(breaker: Breaker, outcomes: &[(u64, &str)]) -> bool {
        let (mut run, mut buckets, mut verdict) = (0, [0; BUCKETS], false);
        for (at_ms, letters) in outcomes {
            let now = START + Duration::from_millis(*at_ms);
            for letter in letters.chars() {
                let outcome = OUTCOMES["sfl".find(letter).unwrap()];
                run = run_after(run, outcome);
                let index = breaker.index(now);
                buckets[index] = breaker.counted(buckets[index], outcome, now);
                verdict = breaker.opens(run, &buckets, now);
            }
        }
        verdict
    }

    #[test]
    fn a_run_opens() {
        for (outcomes, expected) in [
            ("ffffff", false),
            ("fffffff", true),
            ("ffffffsf", false),
            ("fffslfff", false),
            ("ffflfff", false),
            ("ffflffff", true),
            ("llllllll", false),
        ] {
            assert_eq!(opens(USUAL, &[(0, outcomes)]), expected, "{outcomes}");
        }
        let without = Breaker { failures_in_row: 0, ..USUAL };
        assert!(!opens(without, &[(0, "fffffffffffffffffff")]));
    }

    #[test]
    fn a_share_opens() {
        let breaker = Breaker { failures_in_row: 0, ..USUAL };
        let nine = "sfsfsfsfs";
        for (name, outcomes, expected) in [
            ("half", vec![(0, "sfsfsfsfsfsfsfsfsfsf")], false),
            ("under half", vec![(0, "sfsfsfsfsfsfsfsfsffff")], true),
            ("too few", vec![(0, "fffffffffffffffffff")], false),
            ("limited ones count", vec![(0, nine), (1000, "llllllllllll")], true),
            ("within the window", vec![(0, nine), (9999, "ffffffffffff")], true),
            ("out of the window", vec![(0, nine), (10_000, "ffffffffff")], false),
            ("out by a round and more", vec![(0, nine), (25_000, "ffffffffff")], false),
        ] {
            assert_eq!(opens(breaker, &outcomes), expected, "{name}");
        }
        let without = Breaker { success_ratio: 0.0, ..breaker };
        assert!(!opens(without, &[(0, "ffffffffffffffffffffffff")]));
    }

    #[test]
    fn a_success_is_taken_back_from_its_own_bucket() {
        let breaker = USUAL;
        let [one, two] = [1, 2].map(|good| Bucket { slot: breaker.slot(START) & SLOT_MASK, good, bad: 1 }.word());
        assert_eq!(breaker.uncounted(two, START), Some(one));
        let none = breaker.uncounted(one, START).expect("there is one");
        assert_eq!(breaker.uncounted(none, START), None);
        assert_eq!(breaker.uncounted(two, START + breaker.window), None, "the next turn of the ring");
    }

    #[test]
    fn counts_that_no_longer_fit_keep_their_share() {
        let full = Bucket { slot: SLOT_MASK, good: COUNT_MAX + 1, bad: 600 };
        assert_eq!(Bucket::of(full.word()), Bucket { slot: SLOT_MASK, good: 1 << (COUNT_BITS - 1), bad: 300 });
    }

    proptest! {
        #[test]
        fn as_a_list_of_all_outcomes_says(
            steps in prop::collection::vec((0..2500_u64, 0..3_usize), 1..120),
            requests_min in 1..30_u32,
        ) {
            let breaker = Breaker { failures_in_row: 0, requests_min, ..USUAL };
            let (mut buckets, mut seen, mut now) = ([0; BUCKETS], Vec::new(), START);
            for (step, outcome) in steps {
                now = now + Duration::from_millis(step);
                let index = breaker.index(now);
                buckets[index] = breaker.counted(buckets[index], OUTCOMES[outcome], now);
                seen.push((now.0 / 1_000_000, outcome == 0));
                let recent: Vec<_> = seen.iter().filter(|(second, _)| second + 10 > now.0 / 1_000_000).collect();
                let good = recent.iter().filter(|(_, good)| *good).count();
                let expected = recent.len() >= requests_min as usize && good * 2 < recent.len();
                prop_assert_eq!(breaker.opens(0, &buckets, now), expected);
            }
        }
    }
}
