//! Messages that were delivered and not acknowledged.

use std::collections::{BTreeMap, BTreeSet};

use model::Timestamp;

/// A message that waits for its acknowledgement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pending {
    /// The count of its first delivery.
    pub consumer_seq: u64,
    /// How often it was delivered.
    pub deliveries: u64,
    /// When it was delivered first.
    pub first_at: Timestamp,
    /// When it was delivered last.
    pub at: Timestamp,
    /// When it comes again.
    pub due: Timestamp,
    /// Who has still to answer for it ([`super::Pull::client`]); 0 if that is nobody, or not known, as after a restart.
    pub client: u64,
}

/// The messages that wait, at most [`super::OUTSTANDING_MAX`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Outstanding {
    pending: BTreeMap<u64, Pending>,
    timers: BTreeSet<(Timestamp, u64)>,
    /// Those whose time has come.
    ready: BTreeSet<u64>,
    redelivered: u64,
}

impl Outstanding {
    pub(super) fn len(&self) -> u64 {
        self.pending.len() as u64
    }

    /// How many of them were delivered more than once.
    pub(super) fn redelivered(&self) -> u64 {
        self.redelivered
    }

    pub(super) fn contains(&self, seq: u64) -> bool {
        self.pending.contains_key(&seq)
    }

    pub(super) fn get(&self, seq: u64) -> Option<&Pending> {
        self.pending.get(&seq)
    }

    /// Notes who has a message.
    pub(super) fn give(&mut self, seq: u64, client: u64) {
        self.pending.get_mut(&seq).into_iter().for_each(|pending| pending.client = client);
    }

    /// What a client has.
    pub(super) fn of(&self, client: u64) -> impl Iterator<Item = u64> {
        self.pending.iter().filter(move |(_, pending)| pending.client == client).map(|(seq, _)| *seq)
    }

    pub(super) fn first(&self) -> Option<(u64, &Pending)> {
        self.pending.first_key_value().map(|(seq, pending)| (*seq, pending))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, Pending)> {
        self.pending.iter().map(|(seq, pending)| (*seq, *pending))
    }

    /// Those up to a sequence.
    pub(super) fn through(&self, seq: u64) -> Vec<u64> {
        self.pending.range(..=seq).map(|(seq, _)| *seq).collect()
    }

    pub(super) fn insert(&mut self, seq: u64, pending: Pending) {
        self.remove(seq);
        self.timers.insert((pending.due, seq));
        self.redelivered += u64::from(pending.deliveries > 1);
        self.pending.insert(seq, pending);
    }

    /// Those that a clock that was ahead gave out wait from now on.
    pub(super) fn wait_from(&mut self, now: Timestamp) {
        let ahead: Vec<_> = self.iter().filter(|(_, pending)| pending.at > now).collect();
        for (seq, pending) in ahead {
            let due = now + pending.due.since(pending.at);
            self.insert(seq, Pending { first_at: pending.first_at.min(now), at: now, due, ..pending });
        }
    }

    pub(super) fn remove(&mut self, seq: u64) {
        if let Some(pending) = self.pending.remove(&seq) {
            self.timers.remove(&(pending.due, seq));
            self.ready.remove(&seq);
            self.redelivered -= u64::from(pending.deliveries > 1);
        }
    }

    /// Drops those before a sequence.
    pub(super) fn drop_before(&mut self, seq: u64) {
        while let Some((first, _)) = self.first().filter(|(first, _)| *first < seq) {
            self.remove(first);
        }
    }

    /// Drops those after a sequence.
    pub(super) fn drop_after(&mut self, seq: u64) {
        while let Some(last) = self.pending.last_key_value().map(|(last, _)| *last).filter(|last| *last > seq) {
            self.remove(last);
        }
    }

    pub(super) fn deadline(&self) -> Option<Timestamp> {
        self.timers.first().map(|(at, _)| *at)
    }

    /// A message whose time has come; it is ready from then on.
    pub(super) fn wake(&mut self, now: Timestamp) -> Option<u64> {
        let (at, seq) = *self.timers.first().filter(|(at, _)| *at <= now)?;
        self.timers.remove(&(at, seq));
        self.ready.insert(seq);
        self.give(seq, 0);
        Some(seq)
    }

    /// The first that is ready.
    pub(super) fn ready(&self) -> Option<u64> {
        self.ready.first().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_clock_that_was_ahead_gave_out_waits_from_now_on() {
        let pending = |first_at, at, due| Pending {
            consumer_seq: 1,
            deliveries: 2,
            first_at: Timestamp(first_at),
            at: Timestamp(at),
            due: Timestamp(due),
            client: 0,
        };
        let mut outstanding = Outstanding::default();
        for (seq, pending) in [(1, pending(50, 90, 120)), (2, pending(90, 900, 930)), (3, pending(900, 950, 980))] {
            outstanding.insert(seq, pending);
        }
        outstanding.wait_from(Timestamp(100));
        let found: Vec<_> = outstanding.iter().map(|(_, pending)| pending).collect();
        assert_eq!(found, [pending(50, 90, 120), pending(90, 100, 130), pending(100, 100, 130)]);
        assert_eq!((outstanding.deadline(), outstanding.redelivered()), (Some(Timestamp(120)), 3));
    }
}
