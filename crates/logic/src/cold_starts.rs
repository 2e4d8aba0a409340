//! The cold starts of a service: each begins with the request that wakes it, and ends with its first healthy instance.

use model::{Timestamp, figures::Durations};

/// The bounds of their histogram, in microseconds.
const BOUNDS: [u64; 9] =
    [100_000, 200_000, 500_000, 1_000_000, 2_000_000, 5_000_000, 10_000_000, 30_000_000, 60_000_000];

/// The cold starts of one service.
#[derive(Debug)]
pub struct ColdStarts {
    woken_at: Option<Timestamp>,
    ended: Durations,
}

impl Default for ColdStarts {
    fn default() -> Self {
        let buckets = BOUNDS.map(|bound| (bound, 0)).to_vec();
        Self { woken_at: None, ended: Durations { buckets, ..Durations::default() } }
    }
}

impl ColdStarts {
    /// A request wakes it.
    pub fn wakes(&mut self, now: Timestamp) {
        self.woken_at = Some(now);
    }

    /// It falls asleep again, or scales otherwise: a start under way is not counted.
    pub fn give_up(&mut self) {
        self.woken_at = None;
    }

    /// An instance of it is healthy, of however many.
    pub fn serves(&mut self, now: Timestamp) {
        let Some(woken_at) = self.woken_at.take() else { return };
        let micros = u64::try_from(now.since(woken_at).as_micros()).unwrap_or(u64::MAX);
        self.ended.count += 1;
        self.ended.sum_micros = self.ended.sum_micros.saturating_add(micros);
        for (bound, upto) in &mut self.ended.buckets {
            *upto += u64::from(micros <= *bound);
        }
    }

    /// Those that have ended.
    pub fn figures(&self) -> &Durations {
        &self.ended
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Copy)]
    enum It {
        Wakes,
        GivesUp,
        Serves,
    }
    use It::{GivesUp, Serves, Wakes};

    /// How many starts are counted, how long they took, and how many of them took at most 2 s.
    #[track_caller]
    fn check(history: &[(u64, It)], expected: (u64, u64, u64)) {
        let mut starts = ColdStarts::default();
        for (micros, it) in history {
            let now = Timestamp(1_000_000_000 + micros);
            match it {
                Wakes => starts.wakes(now),
                GivesUp => starts.give_up(),
                Serves => starts.serves(now),
            }
        }
        let figures = starts.figures();
        let within = figures.buckets.iter().find(|(bound, _)| *bound == 2_000_000).unwrap().1;
        assert_eq!((figures.count, figures.sum_micros, within), expected);
    }

    #[test]
    fn a_start_is_counted_when_it_has_ended() {
        check(&[], (0, 0, 0));
        check(&[(0, Wakes)], (0, 0, 0));
        check(&[(0, Wakes), (2_000_000, Serves)], (1, 2_000_000, 1));
        check(&[(0, Wakes), (2_000_001, Serves)], (1, 2_000_001, 0));
        check(&[(0, Wakes), (90_000_000, Serves)], (1, 90_000_000, 0));
        check(&[(0, Wakes), (5, Serves), (100, GivesUp), (200, Wakes), (210, Serves)], (2, 15, 2));
    }

    #[test]
    fn an_instance_that_nobody_woke_is_no_cold_start() {
        check(&[(0, Serves)], (0, 0, 0));
        check(&[(0, Wakes), (5, Serves), (9, Serves)], (1, 5, 1));
        check(&[(0, Wakes), (90, GivesUp), (99, Serves)], (0, 0, 0));
        check(&[(0, Wakes), (90, GivesUp), (91, Wakes), (99, Serves)], (1, 8, 1));
    }
}
