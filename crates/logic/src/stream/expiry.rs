//! When messages with a lifetime of their own go.

use std::collections::BTreeSet;

use model::Timestamp;

use super::{Stored, stamps::Stamps};

/// Deadlines that a stream keeps at most, 16 bytes each. Later ones are read again from storage when their time comes near.
pub const DEADLINES_MAX: usize = 1 << 18;

/// The next deadlines of messages that have one of their own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expiry {
    due: BTreeSet<(Timestamp, u64)>,
    /// The earliest deadline that is not kept.
    beyond: Option<Timestamp>,
}

impl Expiry {
    pub(super) fn insert(&mut self, at: Timestamp, seq: u64) {
        if self.beyond.is_some_and(|beyond| at >= beyond) {
            return;
        }
        self.due.insert((at, seq));
        if self.due.len() > DEADLINES_MAX {
            self.beyond = self.due.pop_last().map(|(at, _)| at);
        }
    }

    pub(super) fn remove(&mut self, at: Timestamp, seq: u64) {
        self.due.remove(&(at, seq));
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// The next deadline.
    pub(super) fn next(&self) -> Option<Timestamp> {
        self.due.first().map(|(at, _)| *at).or(self.beyond)
    }

    /// A message whose time has come. Where only deadlines beyond the kept ones are left, all messages are looked through
    /// once for as many of the next as are kept.
    pub(super) fn pop(&mut self, now: Timestamp, stored: &dyn Stored, stamps: &Stamps) -> Option<u64> {
        if self.due.is_empty() && self.beyond.is_some_and(|beyond| beyond <= now) {
            self.refill(stored, stamps);
        }
        let (at, seq) = *self.due.first().filter(|(at, _)| *at <= now)?;
        self.due.remove(&(at, seq));
        Some(seq)
    }

    fn refill(&mut self, stored: &dyn Stored, stamps: &Stamps) {
        self.clear();
        let mut after = 0;
        while let Some(head) = stored.next(after) {
            after = head.seq;
            if let Some(at) = stamps.expires_at(&head) {
                self.insert(at, head.seq);
            }
        }
    }
}
