//! What is in memory of a block that lies in the index.

use model::Timestamp;

use super::{block::Block, part::Dead, row::Rows};

#[derive(Debug)]
pub(super) struct Sealed {
    /// Its record in the index.
    pub(super) number: u64,
    /// It had all that lived after this sequence.
    pub(super) after: u64,
    /// The sequences of its first and its last row.
    pub(super) first: u64,
    pub(super) last: u64,
    /// When its last message was stored.
    pub(super) last_at: Timestamp,
    pub(super) rows: u32,
    pub(super) live: u32,
    pub(super) dead: Dead,
}

impl Sealed {
    pub(super) fn new(number: u64, block: &Block) -> Self {
        let end = block.rows() - 1;
        let rows = u32::try_from(block.rows()).expect("a block is small");
        let (first, last, last_at) = (block.seq(0), block.seq(end), block.at(end));
        Self { number, after: block.after, first, last, last_at, rows, live: rows, dead: Dead::default() }
    }

    /// The row of a sequence, where that can be told without looking; the error is that it cannot.
    pub(super) fn row(&self, seq: u64) -> Result<Option<usize>, ()> {
        match (seq.checked_sub(self.first), self.last - self.first + 1 == u64::from(self.rows)) {
            (None, _) => Ok(None),
            (Some(row), true) => Ok(usize::try_from(row).ok().filter(|row| *row < self.rows as usize)),
            (Some(_), false) => Err(()),
        }
    }

    /// A row is dead; says whether it was alive.
    pub(super) fn kill(&mut self, row: usize) -> bool {
        let was_alive = self.dead.insert(row);
        self.live -= u32::from(was_alive);
        was_alive
    }
}
