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
    /// Which sequences from the first on have a row: a bit each. Empty if all have one, or few.
    present: Vec<u64>,
}

/// So many sequences to a row are few rows.
const SPARSE: usize = 16;

impl Sealed {
    pub(super) fn new(number: u64, block: &Block) -> Self {
        let end = block.rows() - 1;
        let rows = u32::try_from(block.rows()).expect("a block is small");
        let (first, last, last_at) = (block.seq(0), block.seq(end), block.at(end));
        let (dead, present) = (Dead::default(), present(block, first, last));
        Self { number, after: block.after, first, last, last_at, rows, live: rows, dead, present }
    }

    /// Whether every sequence from the first to the last has a row.
    pub(super) fn is_whole(&self) -> bool {
        self.last - self.first + 1 == u64::from(self.rows)
    }

    /// The row of a sequence, where that can be told without looking; the error is that it cannot.
    pub(super) fn row(&self, seq: u64) -> Result<Option<usize>, ()> {
        let place = seq.checked_sub(self.first).filter(|_| seq <= self.last);
        let Some(place) = place.and_then(|place| usize::try_from(place).ok()) else { return Ok(None) };
        if self.is_whole() {
            return Ok(Some(place));
        }
        let bits = self.present.get(place / 64).ok_or(())?;
        let (bit, before) = (1 << (place % 64), &self.present[..place / 64]);
        let row = before.iter().map(|bits| bits.count_ones()).sum::<u32>() + (bits & (bit - 1)).count_ones();
        Ok((bits & bit != 0).then_some(row as usize))
    }

    /// A row is dead; says whether it was alive.
    pub(super) fn kill(&mut self, row: usize) -> bool {
        let was_alive = self.dead.insert(row);
        self.live -= u32::from(was_alive);
        was_alive
    }
}

fn present(block: &Block, first: u64, last: u64) -> Vec<u64> {
    let length = usize::try_from(last - first + 1).unwrap_or(usize::MAX);
    if length == block.rows() || length > block.rows() * SPARSE {
        return Vec::new();
    }
    let mut present = vec![0; length.div_ceil(64)];
    for row in 0..block.rows() {
        let place = usize::try_from(block.seq(row) - first).expect("it is within the length");
        present[place / 64] |= 1 << (place % 64);
    }
    present
}
