//! What is known of each message of a stream without its content: the index of a stream.
//!
//! Messages are in blocks, in their order. The last block is in memory; when it is full it is sealed, and goes as a record to
//! a stream of the journal of its own, with the batch that is written anyway. Of a sealed block stay in memory which
//! sequences it has and which of its messages are dead. What dies is not written: the journal knows it.
//!
//! ```text
//! spans: subject -> first and last sequence
//! blocks: [sealed] [sealed] [sealed] [open]     a block -> subject -> rows, and the subject's last message before it
//! ```
//!
//! A search for a subject goes from block to block by what they have of its subject, from both ends of its span at once.

mod block;
mod change;
mod column;
mod find;
mod open;
mod part;
mod remove;
mod restore;
mod row;
mod sealed;
mod shelf;
mod spans;
mod sums;
mod tally;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, HashSet, VecDeque},
    sync::Arc,
};

use bytes::Bytes;
use logic::stream::Head;

use block::Block;
pub(super) use change::Change;
use open::Open;
use part::{Dead, Part};
pub(super) use restore::{Restored, renew};
pub(super) use row::Asks;
use sealed::Sealed;
pub(super) use shelf::{Shelf, index_of, is_index};
use spans::Spans;
use tally::Tally;

/// So many rows end a block; in tests so few that all happens soon.
const ROWS_MAX: usize = if cfg!(test) { 16 } else { 2048 };
/// So many bytes of subjects do too.
const NAMES_BYTES_MAX: usize = if cfg!(test) { 1 << 10 } else { 256 << 10 };
/// Blocks of which so little is alive become one with a neighbour.
const THIN: u32 = if cfg!(test) { 4 } else { 512 };

/// The messages of a stream. Its memory grows with its subjects; of a message it has a few bits at most, but for the last
/// few thousand.
pub(super) struct Heads {
    shelf: Arc<Shelf>,
    /// The stream of the journal that has the sealed blocks.
    index: u64,
    sealed: VecDeque<Sealed>,
    /// How many are alive in each sealed block.
    tally: Tally,
    /// Blocks that the journal may not have yet.
    held: BTreeMap<u64, Arc<Block>>,
    open: Open,
    /// The rows of the open block that are dead, and how many are not.
    dead: Dead,
    live: u64,
    spans: Spans,
    /// Of the next block.
    number: u64,
    changes: Vec<Change>,
}

impl Heads {
    /// Those of a stream without messages, whose index is empty.
    pub(super) fn new(stream: u64, shelf: Arc<Shelf>) -> Self {
        Self {
            shelf,
            index: index_of(stream),
            sealed: VecDeque::new(),
            tally: Tally::default(),
            held: BTreeMap::new(),
            open: Open::default(),
            dead: Dead::default(),
            live: 0,
            spans: Spans::default(),
            number: 1,
            changes: Vec::new(),
        }
    }

    /// Adds a message, the last of all.
    pub(super) fn insert(&mut self, head: &Head, asks: Asks) {
        self.release();
        let previous = self.spans.insert(self.shelf.hash(&head.subject), head);
        self.open.push(head, asks, previous);
        self.live += 1;
        if self.open.is_full() {
            self.close();
        }
    }

    /// Calls `visit` with every message of some blocks that has a deadline or asks for something, in order.
    pub(super) fn visit_flagged(&self, numbers: &[u64], mut visit: impl FnMut(Head, Asks)) {
        let numbers: HashSet<_> = numbers.iter().copied().collect();
        for (at, _) in self.sealed.iter().enumerate().filter(|(_, sealed)| numbers.contains(&sealed.number)) {
            self.part(at, |part| {
                let rows = part.live().map(|at| (at, part.rows.row(at)));
                rows.filter(|(_, row)| row.is_flagged()).for_each(|(at, row)| visit(part.head(at), row.asks));
            });
        }
    }

    /// What has changed in the index since it was asked last; belongs into the journal after what changed the messages.
    pub(super) fn take_changes(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.changes)
    }

    /// How many changes there are.
    pub(super) fn changes(&self) -> usize {
        self.changes.len()
    }

    /// Takes back what could not be written.
    pub(super) fn put_back(&mut self, changes: Vec<Change>) {
        self.changes.splice(..0, changes);
    }

    /// The sequences between the first message and `last` that have none.
    pub(super) fn gaps(&self, last: u64) -> Vec<u64> {
        let (mut gaps, mut next) = (Vec::new(), None);
        for at in 0..=self.sealed.len() {
            let mut note = |seq: u64| {
                gaps.extend(next.unwrap_or(seq)..seq);
                next = Some(seq + 1);
            };
            match self.sealed.get(at).filter(|sealed| sealed.is_whole() && sealed.dead.is_empty()) {
                Some(whole) => {
                    note(whole.first);
                    next = Some(whole.last + 1);
                }
                None => drop(self.part(at, |part| part.live().for_each(|row| note(part.rows.seq(row))))),
            }
        }
        gaps.extend(next.unwrap_or(last + 1)..=last);
        gaps
    }

    /// Lets go of blocks that the journal has by now.
    fn release(&mut self) {
        if !self.held.is_empty() {
            self.held = self.held.split_off(&(self.shelf.written(self.index) + 1));
        }
    }

    /// The open block is full: what lives in it is sealed, or goes on if it is little.
    fn close(&mut self) {
        let (full, dead) = (std::mem::take(&mut self.open), std::mem::take(&mut self.dead));
        self.open.take(&Part { rows: &full, dead: &dead });
        if self.open.is_worth() {
            let (end, after) = (self.sealed.len(), self.sealed.back().map_or(0, |sealed| sealed.last));
            let open = std::mem::take(&mut self.open);
            self.seal(&open, end, after);
            self.live = 0;
        }
    }

    /// Puts a block at a place among the sealed ones, which has all that lives after a sequence.
    fn seal(&mut self, open: &Open, at: usize, after: u64) {
        let bytes = Bytes::from(open.encode(after));
        let block = Block::parse(bytes.clone()).expect("it was encoded just now");
        self.sealed.insert(at, Sealed::new(self.number, &block));
        self.count_again();
        self.held.insert(self.number, Arc::new(block));
        self.changes.push(Change::Write(self.number, bytes));
        self.number += 1;
    }

    fn count_again(&mut self) {
        self.tally = self.sealed.iter().map(|sealed| sealed.live.into()).collect();
    }

    /// The first block that ends at or after a sequence.
    fn place(&self, seq: u64) -> usize {
        self.sealed.partition_point(|sealed| sealed.last < seq)
    }

    /// The row of a sequence in a block, alive or not.
    fn row(&self, at: usize, seq: u64) -> Option<usize> {
        let look = |part: &Part<'_>| {
            let row = part.rows.position(seq);
            (row < part.rows.rows() && part.rows.seq(row) == seq).then_some(row)
        };
        match self.sealed.get(at).map(|sealed| sealed.row(seq)) {
            Some(Ok(row)) => row,
            Some(Err(())) | None => self.part(at, look).flatten(),
        }
    }

    /// Looks into a block, the last of which is the open one; `None` if it cannot be read, which the shelf remembers.
    fn part<T>(&self, at: usize, look: impl FnOnce(&Part<'_>) -> T) -> Option<T> {
        match self.sealed.get(at) {
            None => Some(look(&Part { rows: &self.open, dead: &self.dead })),
            Some(sealed) => Some(look(&Part { rows: &*self.block(at)?, dead: &sealed.dead })),
        }
    }

    /// A sealed block.
    fn block(&self, at: usize) -> Option<Arc<Block>> {
        let number = self.sealed.get(at)?.number;
        let held = self.held.get(&number).cloned();
        held.or_else(|| self.shelf.read(self.index, number))
    }
}
