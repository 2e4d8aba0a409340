//! The block that takes messages.

use std::{collections::HashMap, sync::Arc};

use logic::stream::Head;
use model::Timestamp;

use super::{
    NAMES_BYTES_MAX, ROWS_MAX,
    block::encode,
    part::Part,
    row::{Asks, Row, Rows, Use},
};

/// Rows in memory, 48 bytes each and the subjects.
#[derive(Debug, Default)]
pub(super) struct Open {
    rows: Vec<Row>,
    subjects: Vec<(Arc<str>, Use)>,
    numbers: HashMap<Arc<str>, u32>,
    names_bytes: usize,
}

impl Open {
    /// Adds a message, the last of all; `previous` is the last of its subject so far.
    pub(super) fn push(&mut self, head: &Head, asks: Asks, previous: u64) {
        let Head { seq, at, expires, marker, .. } = *head;
        let bytes = u32::try_from(head.bytes).unwrap_or(u32::MAX);
        self.put(Row { seq, subject: 0, bytes, at, expires, marker, asks }, &head.subject, previous);
    }

    /// Adds the rows of a part that are alive.
    pub(super) fn take(&mut self, part: &Part<'_>) {
        for at in part.live() {
            let row = part.rows.row(at);
            self.put(row, &part.rows.name(row.subject), part.rows.used(row.subject).previous);
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.is_more_than(ROWS_MAX - 1, NAMES_BYTES_MAX)
    }

    /// Whether it is worth a block of its own.
    pub(super) fn is_worth(&self) -> bool {
        self.is_more_than(ROWS_MAX / 2, NAMES_BYTES_MAX / 2)
    }

    /// As a block lies in the index that has all that lives after a sequence.
    pub(super) fn encode(&self, after: u64) -> Vec<u8> {
        let mut order: Vec<_> = (0..self.subjects.len()).collect();
        order.sort_unstable_by(|a, b| self.subjects[*a].0.cmp(&self.subjects[*b].0));
        let mut numbers = vec![0; order.len()];
        (0..).zip(&order).for_each(|(new, old): (u32, &usize)| numbers[*old] = new);
        let renumbered = |row: &Row| Row { subject: numbers[row.subject as usize], ..*row };
        let rows: Vec<_> = self.rows.iter().map(renumbered).collect();
        let subjects: Vec<_> = order.iter().map(|old| (&*self.subjects[*old].0, self.subjects[*old].1)).collect();
        encode(after, &rows, &subjects)
    }

    fn put(&mut self, row: Row, name: &Arc<str>, previous: u64) {
        let at = self.rows.len();
        let number = self.numbers.get(name).copied().unwrap_or_else(|| {
            let number = u32::try_from(self.subjects.len()).expect("a block is small");
            self.subjects.push((name.clone(), Use { number, first: at, last: at, rows: 0, previous }));
            self.numbers.insert(name.clone(), number);
            self.names_bytes += name.len();
            number
        });
        let used = &mut self.subjects[number as usize].1;
        (used.last, used.rows) = (at, used.rows + 1);
        self.rows.push(Row { subject: number, ..row });
    }

    fn is_more_than(&self, rows: usize, names_bytes: usize) -> bool {
        self.rows.len() > rows || self.names_bytes > names_bytes
    }
}

impl Rows for Open {
    fn rows(&self) -> usize {
        self.rows.len()
    }

    fn seq(&self, row: usize) -> u64 {
        self.rows[row].seq
    }

    fn at(&self, row: usize) -> Timestamp {
        self.rows[row].at
    }

    fn subject(&self, row: usize) -> u32 {
        self.rows[row].subject
    }

    fn row(&self, row: usize) -> Row {
        self.rows[row]
    }

    fn name(&self, subject: u32) -> Arc<str> {
        self.subjects[subject as usize].0.clone()
    }

    fn used(&self, subject: u32) -> Use {
        self.subjects[subject as usize].1
    }

    fn find(&self, subject: &str) -> Option<Use> {
        self.numbers.get(subject).map(|number| self.subjects[*number as usize].1)
    }
}
