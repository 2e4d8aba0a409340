//! Who may pass.

use std::time::Duration;

use model::Timestamp;

use super::Breaker;

/// The state of a breaker, in a word: 2 bits of kind, 8 of trips, and 54 of microseconds since 1970 (until 2540).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// Everybody passes.
    Closed {
        /// Since when.
        since: Timestamp,
    },
    /// Nobody passes.
    Open {
        /// Until a probe is due.
        until: Timestamp,
        /// How often it has opened without closing in between.
        trips: u8,
    },
    /// One request probes the service, and nobody else passes.
    Probing {
        /// When the probe counts as lost.
        deadline: Timestamp,
        /// As for `Open`.
        trips: u8,
    },
}

/// The answer to a request that wants to pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admit {
    /// It passes.
    Yes,
    /// It passes as the probe, if it can set the gate to this word.
    Probe(u64),
    /// It does not pass.
    No {
        /// When a probe is due, unless the one under way decides before.
        retry_at: Timestamp,
    },
}

const TIME_BITS: u32 = 54;
const TIME_MAX: u64 = (1 << TIME_BITS) - 1;
const TRIPS_BITS: u32 = 8;

impl Gate {
    /// The state that a word stands for.
    pub fn of(word: u64) -> Self {
        let time = Timestamp(word & TIME_MAX);
        let [.., trips] = (word >> TIME_BITS).to_be_bytes();
        match word >> (TIME_BITS + TRIPS_BITS) {
            0 => Self::Closed { since: time },
            1 => Self::Open { until: time, trips },
            _ => Self::Probing { deadline: time, trips },
        }
    }

    fn word(self) -> u64 {
        let (kind, trips, time): (u64, u8, _) = match self {
            Self::Closed { since } => (0, 0, since),
            Self::Open { until, trips } => (1, trips, until),
            Self::Probing { deadline, trips } => (2, trips, deadline),
        };
        (kind << TRIPS_BITS | u64::from(trips)) << TIME_BITS | time.0.min(TIME_MAX)
    }
}

impl Breaker {
    /// Whether a request may pass.
    pub fn admit(&self, gate: u64, now: Timestamp) -> Admit {
        let (due, trips) = match Gate::of(gate) {
            Gate::Closed { .. } => return Admit::Yes,
            Gate::Open { until, trips } => (until, trips),
            Gate::Probing { deadline, trips } => (deadline, trips),
        };
        if now < due {
            return Admit::No { retry_at: due };
        }
        Admit::Probe(Gate::Probing { deadline: now + self.probe_timeout, trips }.word())
    }

    /// The gate opened for the first time since it closed. `chance` (0 to 1) decides the jitter.
    pub fn opened(&self, now: Timestamp, chance: f64) -> u64 {
        self.open(1, now, chance)
    }

    /// The gate after the probe that holds the word `probe`: closed, or open for longer. `chance` (0 to 1) decides the
    /// jitter.
    pub fn probe_ended(&self, probe: u64, succeeded: bool, now: Timestamp, chance: f64) -> u64 {
        match Gate::of(probe) {
            Gate::Probing { .. } if succeeded => Gate::Closed { since: now }.word(),
            Gate::Probing { trips, .. } => self.open(trips.saturating_add(1), now, chance),
            Gate::Closed { .. } | Gate::Open { .. } => probe,
        }
    }

    /// The gate after a probe that ended without saying anything of the service, as when its client went away: the next
    /// request probes.
    pub fn probe_lost(&self, probe: u64, now: Timestamp) -> u64 {
        match Gate::of(probe) {
            Gate::Probing { trips, .. } => Gate::Open { until: now, trips }.word(),
            Gate::Closed { .. } | Gate::Open { .. } => probe,
        }
    }

    fn open(&self, trips: u8, now: Timestamp, chance: f64) -> u64 {
        Gate::Open { until: now + self.backoff(trips, chance), trips }.word()
    }

    fn backoff(&self, trips: u8, chance: f64) -> Duration {
        let jitter = self.jitter.clamp(0.0, 1.0);
        let doubled = self.backoff_first.saturating_mul(1 << trips.saturating_sub(1).min(30));
        // Chance has its say at the longest too, where the bounds leave room for it.
        let least = doubled.min(self.backoff_longest.div_f64(1.0 + jitter)).max(self.backoff_first);
        least.mul_f64(1.0 + jitter * chance.clamp(0.0, 1.0)).min(self.backoff_longest)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::breaker::USUAL;

    const START: Timestamp = Timestamp(1_790_000_000_000_000);

    #[test]
    fn a_word_holds_every_state() {
        for gate in [
            Gate::Closed { since: Timestamp(0) },
            Gate::Closed { since: START },
            Gate::Open { until: START, trips: 1 },
            Gate::Open { until: Timestamp(TIME_MAX), trips: 255 },
            Gate::Probing { deadline: START, trips: 255 },
            Gate::Probing { deadline: Timestamp(0), trips: 0 },
        ] {
            assert_eq!(Gate::of(gate.word()), gate);
        }
        assert_eq!(Gate::of(0), Gate::Closed { since: Timestamp(0) });
    }

    #[test]
    fn backs_off() {
        let breaker = USUAL;
        for (trips, chance, expected_ms) in
            [(1, 0.0, 1000), (1, 1.0, 1500), (2, 0.5, 2500), (6, 0.0, 32_000), (7, 0.0, 40_000), (255, 1.0, 60_000)]
        {
            assert_eq!(breaker.backoff(trips, chance).as_millis(), expected_ms, "{trips} {chance}");
        }
    }

    proptest! {
        #[test]
        fn is_open_within_its_bounds(
            least_ms in 1..100_000_u64,
            more_ms in prop_oneof![Just(0), 0..100_000_u64],
            trips in 1..=255_u8,
            chance in 0.0..=1.0,
        ) {
            let [backoff_first, backoff_longest] = [least_ms, least_ms + more_ms].map(Duration::from_millis);
            let open = Breaker { backoff_first, backoff_longest, ..USUAL }.backoff(trips, chance);
            prop_assert!((backoff_first..=backoff_longest).contains(&open), "{open:?}");
        }
    }

    #[test]
    fn opens_probes_and_closes() {
        let breaker = USUAL;
        let second = Duration::from_secs(1);
        let no = |at| Admit::No { retry_at: at };
        assert_eq!(breaker.admit(0, START), Admit::Yes);
        let open = breaker.opened(START, 0.0);
        assert_eq!(breaker.admit(open, START + Duration::from_millis(999)), no(START + second));
        let Admit::Probe(probe) = breaker.admit(open, START + second) else { panic!("a probe is due") };
        assert_eq!(breaker.admit(probe, START + second), no(START + second * 16));

        let again = breaker.probe_ended(probe, false, START + second * 2, 0.0);
        assert_eq!(Gate::of(again), Gate::Open { until: START + second * 4, trips: 2 });
        let closed = breaker.probe_ended(probe, true, START + second * 2, 0.0);
        assert_eq!(Gate::of(closed), Gate::Closed { since: START + second * 2 });
        let lost = breaker.probe_lost(probe, START + second * 2);
        assert_eq!(Gate::of(lost), Gate::Open { until: START + second * 2, trips: 1 });

        let Admit::Probe(next) = breaker.admit(probe, START + second * 16) else { panic!("the probe is overdue") };
        assert_ne!(next, probe);
        assert_eq!(Gate::of(next), Gate::Probing { deadline: START + second * 31, trips: 1 });
    }

    #[test]
    fn only_a_probe_ends_as_one() {
        let breaker = USUAL;
        for gate in [0, breaker.opened(START, 0.5)] {
            assert_eq!(breaker.probe_ended(gate, true, START, 0.0), gate);
            assert_eq!(breaker.probe_lost(gate, START), gate);
        }
    }
}
