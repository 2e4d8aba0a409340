//! The times of messages where the host's clock was ahead and has been put right.
//!
//! The times of a stream never go back, so its messages are stamped from its last time on, at half the pace of the clock, until that
//! has caught up. Ages and windows count what has really passed: from when a message was stored, or for one that is stamped ahead from
//! when that was found.

use model::Timestamp;

use super::{Expires, Head};

/// From the times of messages to those of the clock, and back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Stamps {
    /// The last time of a message when it was found to be ahead.
    last: Timestamp,
    /// When that was.
    found: Timestamp,
}

impl Stamps {
    /// Takes note of the time of a message that there is.
    pub(super) fn note(&mut self, stamp: Timestamp, now: Timestamp) {
        if stamp > self.stamp(now) {
            *self = Self { last: stamp, found: now };
        }
    }

    /// The time of a message that is stored now.
    pub(super) fn stamp(&self, now: Timestamp) -> Timestamp {
        now.max(self.last + now.since(self.found) / 2)
    }

    /// When a message of this time was stored, as far as is known.
    pub(super) fn stored_at(&self, stamp: Timestamp) -> Timestamp {
        stamp.min(self.found + stamp.since(self.last) * 2)
    }

    /// When a message goes by itself at a time of its own.
    pub(super) fn expires_at(&self, head: &Head) -> Option<Timestamp> {
        match head.expires {
            Expires::At(at) => Some(self.stored_at(head.at) + at.since(head.at)),
            Expires::ByAge | Expires::Never => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_right_is_followed() {
        let mut stamps = Stamps::default();
        for now in [1, 5, 5, 1_000] {
            assert_eq!(
                (stamps.stamp(Timestamp(now)), stamps.stored_at(Timestamp(now))),
                (Timestamp(now), Timestamp(now))
            );
            stamps.note(Timestamp(now), Timestamp(now));
        }
        assert_eq!(stamps, Stamps::default());
    }

    #[test]
    fn one_that_was_ahead_is_caught_up_with() {
        let mut stamps = Stamps::default();
        stamps.note(Timestamp(1_100), Timestamp(100));
        for (now, stamp) in [(100, 1_100), (102, 1_101), (1_100, 1_600), (2_098, 2_099), (2_100, 2_100), (9_000, 9_000)]
        {
            assert_eq!(stamps.stamp(Timestamp(now)), Timestamp(stamp), "{now}");
            assert_eq!(stamps.stored_at(Timestamp(stamp)), Timestamp(now), "{stamp}");
            let before = stamps;
            stamps.note(Timestamp(stamp), Timestamp(now));
            assert_eq!(stamps, before, "its own times are not ahead");
        }
        for (earlier, stored_at) in [(40, 40), (100, 100), (101, 100), (1_100, 100)] {
            assert_eq!(stamps.stored_at(Timestamp(earlier)), Timestamp(stored_at), "{earlier}");
        }
    }
}
