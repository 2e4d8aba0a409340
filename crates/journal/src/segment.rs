//! A stream's own file of records, sealed but for the last one: what is alive in it.

use std::sync::{Arc, Mutex};

use bytes::Bytes;

use crate::{error::JournalError, holes::Holes, store::Store};

/// How much there is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Amount {
    pub(crate) count: u64,
    pub(crate) bytes: u64,
}

impl Amount {
    pub(crate) fn add(&mut self, bytes: u64) {
        self.count += 1;
        self.bytes += bytes;
    }

    pub(crate) fn subtract(&mut self, other: Self) {
        self.count = self.count.saturating_sub(other.count);
        self.bytes = self.bytes.saturating_sub(other.bytes);
    }
}

/// The file, as far as readers need to know it.
#[derive(Debug)]
pub(crate) struct Body {
    pub(crate) number: u64,
    pub(crate) shape: Mutex<Shape>,
}

#[derive(Debug, Default)]
pub(crate) struct Shape {
    /// How much of the file counts.
    pub(crate) length: u64,
    /// Where spans begin: first sequence and offset. Read from the file when it is first needed.
    pub(crate) index: Option<Vec<(u64, u64)>>,
}

/// What is alive in a segment.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) body: Arc<Body>,
    /// The first record that is alive.
    pub(crate) first: u64,
    /// The last record, alive or not.
    pub(crate) last: u64,
    pub(crate) live: Amount,
    pub(crate) holes: Holes,
}

impl Segment {
    pub(crate) fn new(number: u64, length: u64) -> Self {
        let shape = Mutex::new(Shape { length, index: None });
        let body = Arc::new(Body { number, shape });
        Self { body, first: 0, last: 0, live: Amount::default(), holes: Holes::default() }
    }

    /// Whether the record, if there ever was one, is not removed.
    pub(crate) fn may_hold(&self, sequence: u64) -> bool {
        (self.first..=self.last).contains(&sequence) && !self.holes.contains(sequence)
    }

    /// Removes a record; says how much that was.
    pub(crate) fn remove(&mut self, sequence: u64, store: &Store) -> Result<Option<Amount>, JournalError> {
        if !self.may_hold(sequence) {
            return Ok(None);
        }
        let Some(record) = store.find(&self.body, sequence)? else { return Ok(None) };
        self.holes.insert(sequence);
        let removed = Amount { count: 1, bytes: record.len() as u64 };
        self.live.subtract(removed);
        if sequence == self.first {
            self.begin_at(sequence + 1, store)?;
        }
        Ok(Some(removed))
    }

    /// Removes all records up to a sequence that is less than the last; says how much that was.
    pub(crate) fn remove_up_to(&mut self, sequence: u64, store: &Store) -> Result<Amount, JournalError> {
        let mut removed = Amount::default();
        let mut from = self.first;
        while from <= sequence {
            let Some((at, record)) = self.next(from, store)? else { break };
            if at > sequence {
                break;
            }
            removed.add(record.len() as u64);
            from = at + 1;
        }
        self.live.subtract(removed);
        self.begin_at(sequence.saturating_add(1), store)?;
        Ok(removed)
    }

    /// The first record at or after a sequence that is alive.
    pub(crate) fn next(&self, from: u64, store: &Store) -> Result<Option<(u64, Bytes)>, JournalError> {
        let found = store.next(&self.body, from.max(self.first), |sequence| !self.holes.contains(sequence))?;
        Ok(found.filter(|(sequence, _)| *sequence <= self.last))
    }

    fn begin_at(&mut self, from: u64, store: &Store) -> Result<(), JournalError> {
        if self.live.count > 0 {
            self.first = self.next(from, store)?.map_or(from, |(sequence, _)| sequence);
            self.holes.forget_below(self.first);
        }
        Ok(())
    }
}
