//! What a block knows of a message, and how what holds some is asked.

use std::sync::Arc;

use logic::stream::{Expires, Head, Wishes};
use model::Timestamp;

/// A message. Its subject is a number of the block's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) seq: u64,
    pub(super) subject: u32,
    pub(super) bytes: u32,
    pub(super) at: Timestamp,
    pub(super) expires: Expires,
    pub(super) marker: bool,
    pub(super) asks: Asks,
}

/// What the headers of a message ask for that a stream must know again after a restart.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::engine) struct Asks {
    pub(in crate::engine) has_id: bool,
    pub(in crate::engine) has_schedule: bool,
}

impl Asks {
    pub(in crate::engine) fn of(wishes: &Wishes) -> Self {
        Self { has_id: wishes.id.is_some(), has_schedule: wishes.schedule.is_some() }
    }
}

impl Row {
    /// Whether a stream must know more of it than that it is there.
    pub(super) fn is_flagged(&self) -> bool {
        self.asks != Asks::default() || matches!(self.expires, Expires::At(_))
    }

    pub(super) fn head(&self, subject: Arc<str>) -> Head {
        let Self { seq, bytes, at, expires, marker, .. } = *self;
        Head { seq, subject, bytes: bytes.into(), at, expires, marker }
    }
}

/// A subject of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Use {
    pub(super) number: u32,
    /// Its first and its last row, alive or not.
    pub(super) first: usize,
    pub(super) last: usize,
    /// How many rows it has.
    pub(super) rows: u32,
    /// Its last message before the block, as it was when the block got the first one; 0 if there was none.
    pub(super) previous: u64,
}

/// Rows, in the order of their sequences.
pub(super) trait Rows {
    fn rows(&self) -> usize;
    fn seq(&self, row: usize) -> u64;
    fn at(&self, row: usize) -> Timestamp;
    fn subject(&self, row: usize) -> u32;
    fn row(&self, row: usize) -> Row;
    fn name(&self, subject: u32) -> Arc<str>;
    fn used(&self, subject: u32) -> Use;
    fn find(&self, subject: &str) -> Option<Use>;

    /// The first row that has this sequence or a greater one.
    fn position(&self, seq: u64) -> usize {
        let (mut from, mut to) = (0, self.rows());
        while from < to {
            let middle = from + (to - from) / 2;
            if self.seq(middle) < seq {
                from = middle + 1;
            } else {
                to = middle;
            }
        }
        from
    }
}
