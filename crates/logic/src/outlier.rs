//! Instances that keep failing are left alone for a while.
//!
//! One word for each instance, 0 at first: failures in a row (8 bits), ejections (4 bits), and the time until which it
//! is ejected in microseconds since 1970 (52 bits, until 2112). An instance that comes back is on probation: one more
//! failure ejects it again, one success clears it.
//!
//! How many are out at once is bounded by [`Outlier::has_room`], which the caller asks with the counts of the moment.
//! Two workers may eject two instances at the same moment, so whoever has ejected one counts again, and takes back its
//! own ([`Outlier::taken_back`]) if there are now too many: that is, if `has_room(total, ejected - 1)` no longer holds.
//! Then at the end there are never too many, and in between a pick that finds everybody ejected ignores ejection.

use std::time::Duration;

use model::Timestamp;

use crate::outcome::Outcome;

/// When an instance is ejected and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outlier {
    /// Failures in a row that eject an instance, at most 255; 0 for never.
    pub failures_in_row: u8,
    /// How long the first ejection lasts; the second lasts twice as long, and so on up to the fifteenth. As much time
    /// in use takes one ejection off the count.
    pub ejection: Duration,
    /// How long an ejection lasts at the most.
    pub ejection_longest: Duration,
    /// How many of the instances that a request may go to may be out at once. One may be in any case, and the last never.
    pub percent_max: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Record {
    run: u8,
    ejections: u8,
    until: Timestamp,
}

const TIME_BITS: u32 = 52;
const TIME_MAX: u64 = (1 << TIME_BITS) - 1;
const EJECTIONS_BITS: u32 = 4;
const EJECTIONS_MAX: u8 = (1 << EJECTIONS_BITS) - 1;

impl Record {
    fn of(word: u64) -> Self {
        let [run, ejections, ..] = word.to_be_bytes();
        Self { run, ejections: ejections >> EJECTIONS_BITS, until: Timestamp(word & TIME_MAX) }
    }

    fn word(self) -> u64 {
        (u64::from(self.run) << EJECTIONS_BITS | u64::from(self.ejections)) << TIME_BITS | self.until.0.min(TIME_MAX)
    }
}

/// The failures in a row.
pub fn run(word: u64) -> u8 {
    Record::of(word).run
}

/// Whether the instance is not to be used now.
pub fn is_ejected(word: u64, now: Timestamp) -> bool {
    now.0 < word & TIME_MAX
}

impl Outlier {
    /// The word after an outcome; `None` if it stays as it is, which is nearly always. What comes in while the instance
    /// is ejected says nothing new. "Too many" is no failure, but no proof of health either.
    ///
    /// `resumed` is the run that a success ended which this outcome takes the place of; 0 if there was none. `has_room`
    /// is asked only if the instance is to be ejected.
    pub fn after(
        &self,
        word: u64,
        outcome: Outcome,
        resumed: u8,
        now: Timestamp,
        has_room: impl FnOnce() -> bool,
    ) -> Option<u64> {
        let record = Record::of(word);
        let longer = Record { run: record.run.saturating_add(resumed), ..record };
        let next = match outcome {
            _ if is_ejected(word, now) => record,
            Outcome::Limited => longer,
            Outcome::Success => Record { run: 0, ..record },
            Outcome::Failure => self.failed(longer, now, has_room),
        };
        (next != record).then(|| next.word())
    }

    /// The word of an instance whose ejection is taken back, since too many are out: its next failure asks again.
    pub fn taken_back(&self, word: u64, now: Timestamp) -> u64 {
        let record = Record::of(word);
        Record { ejections: record.ejections.saturating_sub(1), until: record.until.min(now), ..record }.word()
    }

    /// Whether one more instance of so many may be ejected.
    pub fn has_room(&self, total: usize, ejected: usize) -> bool {
        let share = total as u64 * u64::from(self.percent_max) / 100;
        (ejected as u64) < share.max(1) && ejected + 1 < total
    }

    fn failed(&self, record: Record, now: Timestamp, has_room: impl FnOnce() -> bool) -> Record {
        let run = record.run.saturating_add(1);
        if self.failures_in_row == 0 || run < self.failures_in_row {
            return Record { run, ..record };
        }
        // One below the bound, so that the next failure is enough.
        let run = self.failures_in_row - 1;
        if !has_room() {
            return Record { run, ..record };
        }
        let ejections = (self.remembered(record, now) + 1).min(EJECTIONS_MAX);
        let lasts = self.ejection.saturating_mul(u32::from(ejections)).min(self.ejection_longest);
        Record { run, ejections, until: now + lasts }
    }

    /// The ejections that still count against it.
    fn remembered(&self, record: Record, now: Timestamp) -> u8 {
        let forgotten = now.since(record.until).as_micros() / self.ejection.as_micros().max(1);
        record.ejections.saturating_sub(u8::try_from(forgotten).unwrap_or(u8::MAX))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const START: Timestamp = Timestamp(1_790_000_000_000_000);
    const SECOND: Duration = Duration::from_secs(1);
    const USUAL: Outlier = Outlier {
        failures_in_row: 5,
        ejection: Duration::from_secs(30),
        ejection_longest: Duration::from_secs(300),
        percent_max: 50,
    };

    /// Feeds outcomes, each `f`, `s` or `l` at its second; gives for how many seconds it is ejected after each.
    fn ejected(outcomes: &[(u32, char)], has_room: bool) -> Vec<u64> {
        let (policy, mut word) = (USUAL, 0);
        let step = |(at, letter): &(u32, char)| {
            let now = START + SECOND * *at;
            let outcome = match letter {
                's' => Outcome::Success,
                'f' => Outcome::Failure,
                _ => Outcome::Limited,
            };
            word = policy.after(word, outcome, 0, now, || has_room).unwrap_or(word);
            let left = Record::of(word).until.since(now).as_secs();
            assert_eq!(is_ejected(word, now), left > 0);
            left
        };
        outcomes.iter().map(step).collect()
    }

    #[test]
    fn five_failures_eject() {
        let at_once = |letters: &str| letters.chars().map(|letter| (0, letter)).collect::<Vec<_>>();
        for (letters, expected) in [
            ("fffff", &[0, 0, 0, 0, 30][..]),
            ("ffffsffff", &[0; 9]),
            ("ffflff", &[0, 0, 0, 0, 0, 30]),
            ("fffffs", &[0, 0, 0, 0, 30, 30]),
            ("ffffffff", &[0, 0, 0, 0, 30, 30, 30, 30]),
        ] {
            assert_eq!(ejected(&at_once(letters), true), expected, "{letters}");
        }
        assert_eq!(ejected(&at_once("fffffff"), false), [0; 7]);
    }

    #[test]
    fn comes_back_on_probation() {
        let five = [(0, 'f'); 5];
        for (then, expected) in [
            (&[(30, 'f'), (90, 'f'), (180, 'f')][..], &[60, 90, 120][..]),
            (&[(30, 's'), (31, 'f'), (32, 'f'), (33, 'f'), (34, 'f'), (35, 'f')], &[0, 0, 0, 0, 0, 60]),
            (&[(59, 'f')], &[60]),
            (&[(60, 'f')], &[30]),
            (&[(30, 'l'), (30, 'f')], &[0, 60]),
        ] {
            assert_eq!(ejected(&[&five, then].concat(), true)[5..], *expected, "{then:?}");
        }
    }

    /// Each answer begins well and fails at its end; one at a time, and all at once.
    #[test]
    fn successes_that_turn_out_to_be_none_end_no_run() {
        let step = |word, outcome, resumed| USUAL.after(word, outcome, resumed, START, || true).unwrap_or(word);
        let one_by_one = (0..5).fold(0, |word, _| {
            assert!(!is_ejected(word, START));
            step(step(word, Outcome::Success, 0), Outcome::Failure, run(word))
        });
        assert!(is_ejected(one_by_one, START));
        let four = (0..4).fold(0, |word, _| step(word, Outcome::Failure, 0));
        let begun = step(four, Outcome::Success, 0);
        assert_eq!(run(step(begun, Outcome::Limited, 4)), 4);
        assert!(!is_ejected(step(begun, Outcome::Failure, 0), START), "what lasted was one");
        assert!(is_ejected(step(begun, Outcome::Failure, 4), START));
    }

    #[test]
    fn an_ejection_has_an_end() {
        let (mut word, mut now, mut longest) = (0, START, Duration::ZERO);
        for _ in 0..100 {
            word = USUAL.after(word, Outcome::Failure, 0, now, || true).unwrap_or(word);
            let until = Record::of(word).until.max(now);
            longest = longest.max(until.since(now));
            now = until;
        }
        assert_eq!(longest, SECOND * 300);
    }

    #[test]
    fn never_when_off() {
        let off = Outlier { failures_in_row: 0, ..USUAL };
        let end = (0..1000).fold(0, |word, _| off.after(word, Outcome::Failure, 0, START, || true).unwrap_or(word));
        assert!(!is_ejected(end, START));
    }

    #[test]
    fn room() {
        let most = |total| (0..total).find(|ejected| !USUAL.has_room(total, *ejected)).unwrap_or(total);
        assert_eq!([0, 1, 2, 3, 4, 5, 6, 10, 1000].map(most), [0, 0, 1, 1, 2, 2, 3, 5, 500]);
        let all = Outlier { percent_max: 100, ..USUAL };
        assert!(all.has_room(3, 1) && !all.has_room(3, 2), "the last stays");
    }

    proptest! {
        /// Workers that each eject an instance: every one of the steps eject, count, take back is atomic, in any order.
        #[test]
        fn never_too_many_at_the_end(
            total in 1..6_usize,
            order in prop::collection::vec(0..6_usize, 0..60),
        ) {
            let policy = Outlier { failures_in_row: 1, ..USUAL };
            let fail = |word| policy.after(word, Outcome::Failure, 0, START, || true).unwrap_or(word);
            let mut words = vec![0_u64; total];
            let count = |words: &[u64]| words.iter().filter(|word| is_ejected(**word, START)).count();
            let mut steps = vec![(0, 0); total];
            let finish = (0..total).flat_map(|worker| [worker; 3]);
            for worker in order.into_iter().filter(|worker| *worker < total).chain(finish) {
                let (step, counted) = &mut steps[worker];
                match *step {
                    0 => *counted = count(&words),
                    1 if policy.has_room(total, *counted) => {
                        words[worker] = fail(words[worker]);
                    }
                    2 if is_ejected(words[worker], START) && !policy.has_room(total, count(&words) - 1) => {
                        words[worker] = policy.taken_back(words[worker], START);
                    }
                    _ => {}
                }
                *step += 1;
            }
            prop_assert!(count(&words) == 0 || policy.has_room(total, count(&words) - 1));
        }
    }
}
