//! One stream: where its records are.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;

use crate::{
    error::JournalError,
    segment::{Amount, Segment},
    store::Store,
};

/// Where a record that has not been moved lies in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) log: u64,
    pub(crate) offset: u32,
    pub(crate) length: u32,
    /// The frame's checksum covers more than a record; this one is for readers of the record alone.
    pub(crate) checksum: u32,
}

/// What a stream holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Bounds {
    /// The first record's sequence; 0 if there is none.
    pub first: u64,
    /// The greatest sequence that the stream ever had; 0 if it had none.
    pub last: u64,
    /// How many records there are.
    pub count: u64,
    /// Their lengths together.
    pub bytes: u64,
}

/// Records that lie beside each other, in one segment or in the log. It is known without reading them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// The first record's sequence.
    pub first: u64,
    /// No record of it is later.
    pub last: u64,
    /// How many records there are.
    pub count: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Stream {
    pub(crate) description: Bytes,
    /// Tells it from an earlier stream of the same number.
    pub(crate) incarnation: u64,
    /// The greatest sequence ever appended, and ever moved to a segment.
    pub(crate) last: u64,
    pub(crate) moved: u64,
    pub(crate) live: Amount,
    pub(crate) segments: VecDeque<Segment>,
    pub(crate) tail: BTreeMap<u64, Position>,
    /// What is wrong with a segment; the stream is then read-only.
    pub(crate) damage: Option<JournalError>,
}

impl Stream {
    pub(crate) fn bounds(&self) -> Bounds {
        let in_segments = self.segments.iter().find(|segment| segment.live.count > 0).map(|segment| segment.first);
        let first = in_segments.or_else(|| self.tail.first_key_value().map(|(sequence, _)| *sequence));
        Bounds { first: first.unwrap_or(0), last: self.last, count: self.live.count, bytes: self.live.bytes }
    }

    pub(crate) fn extents(&self) -> Vec<Extent> {
        let segments = self.segments.iter().filter(|segment| segment.live.count > 0);
        let segments = segments.map(|it| Extent { first: it.first, last: it.last, count: it.live.count });
        let tail = self.tail.first_key_value().zip(self.tail.last_key_value());
        let tail =
            tail.map(|((first, _), (last, _))| Extent { first: *first, last: *last, count: self.tail.len() as u64 });
        segments.chain(tail).collect()
    }

    /// A record that was moved before is not appended again: that happens when the log is read after a crash.
    pub(crate) fn append(&mut self, sequence: u64, position: Position) {
        if sequence > self.moved {
            self.last = self.last.max(sequence);
            self.live.add(position.length.into());
            self.tail.insert(sequence, position);
        }
    }

    /// The first segment that ends at or after a sequence.
    pub(crate) fn segment_of(&self, sequence: u64) -> Option<&Segment> {
        self.segments.get(self.segments.partition_point(|segment| segment.last < sequence))
    }

    /// Whether a record that a segment has is not removed.
    pub(crate) fn holds_in_segment(&self, sequence: u64) -> bool {
        self.segment_of(sequence).is_some_and(|segment| segment.may_hold(sequence))
    }

    /// Removes a record; says which segment is empty now.
    pub(crate) fn remove(&mut self, sequence: u64, store: &Store) -> Option<u64> {
        if let Some(position) = self.tail.remove(&sequence) {
            self.live.subtract(Amount { count: 1, bytes: position.length.into() });
            return None;
        }
        let at = self.segments.partition_point(|segment| segment.last < sequence);
        let segment = self.segments.get_mut(at)?;
        match segment.remove(sequence, store) {
            Ok(removed) => self.live.subtract(removed.unwrap_or_default()),
            Err(damage) => self.damage = Some(damage),
        }
        if self.segments[at].live.count > 0 {
            return None;
        }
        self.segments.remove(at).map(|segment| segment.body.number)
    }

    /// Removes all records up to a sequence; says which segments are not needed any more.
    pub(crate) fn remove_up_to(&mut self, sequence: u64, store: &Store) -> Vec<u64> {
        let kept = self.tail.split_off(&sequence.saturating_add(1));
        for position in std::mem::replace(&mut self.tail, kept).into_values() {
            self.live.subtract(Amount { count: 1, bytes: position.length.into() });
        }
        let mut emptied = Vec::new();
        while let Some(segment) = self.segments.front_mut() {
            if segment.first > sequence {
                break;
            }
            if segment.last > sequence {
                match segment.remove_up_to(sequence, store) {
                    Ok(removed) => self.live.subtract(removed),
                    Err(damage) => self.damage = Some(damage),
                }
                if segment.live.count > 0 {
                    break;
                }
            }
            self.live.subtract(segment.live);
            emptied.push(segment.body.number);
            self.segments.pop_front();
        }
        emptied
    }
}
