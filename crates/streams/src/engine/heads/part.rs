//! A block and what of it is alive.

use logic::stream::Head;
use model::Timestamp;

use super::row::{Rows, Use};

/// Rows that are dead: a bit each, up to the last one.
#[derive(Debug, Clone, Default)]
pub(super) struct Dead(Vec<u64>);

impl Dead {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn contains(&self, row: usize) -> bool {
        self.0.get(row / 64).is_some_and(|bits| bits & (1 << (row % 64)) != 0)
    }

    /// Says whether it was alive.
    pub(super) fn insert(&mut self, row: usize) -> bool {
        if self.0.len() <= row / 64 {
            self.0.resize(row / 64 + 1, 0);
        }
        let was_alive = !self.contains(row);
        self.0[row / 64] |= 1 << (row % 64);
        was_alive
    }
}

#[derive(Clone, Copy)]
pub(super) struct Part<'a> {
    pub(super) rows: &'a dyn Rows,
    pub(super) dead: &'a Dead,
}

impl Part<'_> {
    /// The rows that are alive.
    pub(super) fn live(&self) -> impl DoubleEndedIterator<Item = usize> {
        (0..self.rows.rows()).filter(|row| !self.dead.contains(*row))
    }

    pub(super) fn head(&self, row: usize) -> Head {
        let row = self.rows.row(row);
        row.head(self.rows.name(row.subject))
    }

    /// The first message after a sequence.
    pub(super) fn next(&self, after: u64) -> Option<Head> {
        let mut rows = self.rows.position(after.checked_add(1)?)..self.rows.rows();
        rows.find(|row| !self.dead.contains(*row)).map(|row| self.head(row))
    }

    /// The first message that was stored at a time or later. Times do not go back.
    pub(super) fn since(&self, at: Timestamp) -> Option<Head> {
        let (mut from, mut to) = (0, self.rows.rows());
        while from < to {
            let middle = from + (to - from) / 2;
            if self.rows.at(middle) < at {
                from = middle + 1;
            } else {
                to = middle;
            }
        }
        (from..self.rows.rows()).find(|row| !self.dead.contains(*row)).map(|row| self.head(row))
    }

    /// The first message of a subject after a sequence.
    pub(super) fn next_of(&self, used: &Use, after: u64) -> Option<Head> {
        let from = self.rows.position(after.checked_add(1)?).max(used.first);
        (from..=used.last).find(|row| self.is_of(used, *row)).map(|row| self.head(row))
    }

    /// The last message of a subject before a sequence.
    pub(super) fn last_of(&self, used: &Use, before: u64) -> Option<Head> {
        let to = self.rows.position(before).min(used.last + 1);
        (used.first..to).rev().find(|row| self.is_of(used, *row)).map(|row| self.head(row))
    }

    /// How many messages are after a sequence.
    pub(super) fn count(&self, after: u64) -> u64 {
        let Some(from) = after.checked_add(1) else { return 0 };
        let rows = self.rows.position(from)..self.rows.rows();
        if self.dead.is_empty() {
            rows.len() as u64
        } else {
            rows.filter(|row| !self.dead.contains(*row)).count() as u64
        }
    }

    /// How many messages of a subject are after a sequence.
    pub(super) fn count_of(&self, used: &Use, after: u64) -> u64 {
        let Some(from) = after.checked_add(1) else { return 0 };
        if self.dead.is_empty() && self.rows.seq(used.first) >= from {
            return used.rows.into();
        }
        let from = self.rows.position(from).max(used.first);
        (from..=used.last).filter(|row| self.is_of(used, *row)).count() as u64
    }

    fn is_of(&self, used: &Use, row: usize) -> bool {
        self.rows.subject(row) == used.number && !self.dead.contains(row)
    }
}
