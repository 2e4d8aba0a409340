//! The index of a stream as it was when the journal was closed, however that happened.

use std::{
    collections::{HashSet, VecDeque},
    sync::Arc,
};

use journal::{Extent, JournalError};
use logic::stream::Entry;
use model::Timestamp;

use super::{Change, Heads, Shelf, block::Block, index_of, part::Part, sealed::Sealed, spans::Span, sums::Sums};

/// What an index says of all messages up to a sequence.
pub(in crate::engine) struct Restored {
    pub(in crate::engine) heads: Heads,
    pub(in crate::engine) sums: Sums,
    /// The last sequence in the index, and when it was used; 0 if it has no block.
    pub(in crate::engine) last: u64,
    pub(in crate::engine) last_at: Timestamp,
}

/// Why an index is not read.
enum Unfit {
    /// It does not fit the records of the stream, and must be made anew.
    Index,
    Journal(JournalError),
}

impl From<JournalError> for Unfit {
    fn from(error: JournalError) -> Self {
        Self::Journal(error)
    }
}

impl Restored {
    /// An index without blocks.
    pub(in crate::engine) fn nothing(stream: u64, shelf: Arc<Shelf>) -> Self {
        Self { heads: Heads::new(stream, shelf), sums: Sums::default(), last: 0, last_at: Timestamp(0) }
    }

    /// Reads the index of a stream; `None` if it is damaged or does not fit the stream's records, and must be made anew. Ids
    /// of messages from before `remembered` are of no interest. Where a record of the stream is damaged, what the index says
    /// of it counts.
    ///
    /// It costs a look at every block; at every message only in those with messages that have gone since they were written.
    ///
    /// # Errors
    /// What the host says.
    pub(in crate::engine) fn read(
        stream: u64,
        shelf: &Arc<Shelf>,
        remembered: Timestamp,
    ) -> Result<Option<Self>, JournalError> {
        let mut restored = Self::nothing(stream, shelf.clone());
        restored.sums.remembered = remembered;
        match restored.fill(stream) {
            Ok(()) => Ok(Some(restored)),
            Err(Unfit::Index | Unfit::Journal(JournalError::Damaged { .. })) => Ok(None),
            Err(Unfit::Journal(other)) => Err(other),
        }
    }

    fn fill(&mut self, stream: u64) -> Result<(), Unfit> {
        let extents = self.heads.shelf.journal.extents(stream);
        self.heads.number = self.heads.shelf.written(self.heads.index) + 1;
        let doubtful = self.read_blocks(&runs(&extents))?;
        let doubtful = self.sort(&doubtful)?;
        let expected = self.find_dead(stream, &extents, &doubtful)?;
        for at in doubtful {
            let block = self.heads.block(at).ok_or(Unfit::Index)?;
            self.sums.add(&self.heads.sealed[at], &block);
        }
        if expected.is_some_and(|expected| expected != self.sums.messages) {
            return Err(Unfit::Index);
        }
        self.drop_dead();
        let shelf = &self.heads.shelf;
        let span = |entry: &Entry| Span { first: entry.first, last: entry.last, bytes: None };
        self.heads.spans =
            self.sums.subjects.iter().map(|(subject, entry)| (shelf.hash(subject), span(entry))).collect();
        Ok(())
    }

    /// Reads all blocks, and adds up those of which all must be alive; says which the others are.
    fn read_blocks(&mut self, runs: &[(u64, u64)]) -> Result<HashSet<u64>, Unfit> {
        let mut doubtful = HashSet::new();
        for record in self.heads.shelf.journal.records(self.heads.index, 0) {
            let (number, bytes) = record?;
            let block = Block::parse(bytes).ok_or(Unfit::Index)?;
            let sealed = Sealed::new(number, &block);
            let run = runs.get(runs.partition_point(|(_, last)| *last < sealed.first));
            if run.is_some_and(|(first, last)| *first <= sealed.first && sealed.last <= *last) {
                self.sums.add(&sealed, &block);
            } else {
                doubtful.insert(number);
            }
            self.heads.sealed.push_back(sealed);
        }
        Ok(doubtful)
    }

    /// Puts the blocks in order; says where those of some numbers are.
    fn sort(&mut self, numbers: &HashSet<u64>) -> Result<Vec<usize>, Unfit> {
        let sealed = self.heads.sealed.make_contiguous();
        sealed.sort_unstable_by_key(|sealed| sealed.first);
        if sealed.windows(2).any(|pair| pair[0].last >= pair[1].first) {
            return Err(Unfit::Index);
        }
        if let Some(end) = sealed.last() {
            (self.last, self.last_at) = (end.last, end.last_at);
        }
        let found = sealed.iter().enumerate().filter(|(_, sealed)| numbers.contains(&sealed.number));
        Ok(found.map(|(at, _)| at).collect())
    }

    /// Finds what has died in some blocks since they were written. Says how many messages the journal has that must be in the
    /// index; `None` if it cannot tell because of damage.
    fn find_dead(&mut self, stream: u64, extents: &[Extent], doubtful: &[usize]) -> Result<Option<u64>, Unfit> {
        let is_somewhere = |seq: u64| {
            let extent = extents.get(extents.partition_point(|extent| extent.last < seq));
            extent.is_some_and(|extent| extent.first <= seq)
        };
        for at in doubtful {
            self.kill(*at, |seq| !is_somewhere(seq))?;
        }
        let mut expected = Some(0);
        let indexed = extents.partition_point(|extent| extent.first <= self.last);
        for extent in &extents[..indexed] {
            let count = match (is_whole(extent), extent.last <= self.last) {
                (true, _) => Some(extent.last.min(self.last) - extent.first + 1),
                (false, true) if self.covers(extent) && self.rows(extent)? == extent.count => Some(extent.count),
                (false, _) => self.compare(stream, extent)?,
            };
            expected = expected.zip(count).map(|(expected, count)| expected + count);
        }
        Ok(expected)
    }

    /// Whether the blocks had all that lived in an extent when they were written. Where a block is missing they have not: all in
    /// it has died, or it is lost.
    fn covers(&self, extent: &Extent) -> bool {
        let mut reached = extent.first - 1;
        for sealed in self.heads.sealed.range(self.places(extent)) {
            if sealed.after > reached {
                return false;
            }
            reached = sealed.last;
        }
        reached >= extent.last
    }

    /// How many rows there are between two sequences.
    fn rows(&self, extent: &Extent) -> Result<u64, Unfit> {
        let mut rows = 0;
        for at in self.places(extent) {
            let count = |part: &Part<'_>| part.rows.position(extent.last + 1) - part.rows.position(extent.first);
            rows += self.heads.part(at, count).ok_or(Unfit::Index)? as u64;
        }
        Ok(rows)
    }

    /// Reads which records there are. Says how many, if it can be told.
    fn compare(&mut self, stream: u64, extent: &Extent) -> Result<Option<u64>, Unfit> {
        let last = extent.last.min(self.last);
        let mut live = Vec::new();
        for record in self.heads.shelf.journal.records(stream, extent.first) {
            match record {
                Ok((seq, _)) if seq <= last => live.push(seq),
                Ok(_) => break,
                Err(JournalError::Damaged { .. }) => return Ok(None),
                Err(other) => return Err(other.into()),
            }
        }
        for at in self.places(extent) {
            self.kill(at, |seq| (extent.first..=last).contains(&seq) && live.binary_search(&seq).is_err())?;
        }
        Ok(Some(live.len() as u64))
    }

    /// The blocks that have some of an extent.
    fn places(&self, extent: &Extent) -> std::ops::Range<usize> {
        let end = self.heads.sealed.partition_point(|sealed| sealed.first <= extent.last);
        self.heads.place(extent.first)..end
    }

    fn kill(&mut self, at: usize, is_dead: impl Fn(u64) -> bool) -> Result<(), Unfit> {
        let find = |part: &Part<'_>| part.live().filter(|row| is_dead(part.rows.seq(*row))).collect::<Vec<_>>();
        let dead = self.heads.part(at, find).ok_or(Unfit::Index)?;
        let sealed = &mut self.heads.sealed[at];
        for row in dead {
            sealed.kill(row);
        }
        Ok(())
    }

    fn drop_dead(&mut self) {
        let (dead, live): (VecDeque<_>, VecDeque<_>) =
            std::mem::take(&mut self.heads.sealed).into_iter().partition(|sealed| sealed.live == 0);
        self.heads.changes.extend(dead.into_iter().map(|sealed| Change::Remove(sealed.number)));
        self.heads.sealed = live;
        self.heads.count_again();
    }
}

/// Whether every sequence of an extent has a record.
fn is_whole(extent: &Extent) -> bool {
    extent.last - extent.first + 1 == extent.count
}

/// From where to where every sequence has a record.
fn runs(extents: &[Extent]) -> Vec<(u64, u64)> {
    let mut runs: Vec<(u64, u64)> = Vec::new();
    for extent in extents.iter().filter(|extent| is_whole(extent)) {
        match runs.last_mut().filter(|(_, last)| *last + 1 == extent.first) {
            Some((_, last)) => *last = extent.last,
            None => runs.push((extent.first, extent.last)),
        }
    }
    runs
}

/// What the journal must be asked to do so that an index begins anew.
pub(in crate::engine) fn renew(shelf: &Shelf, stream: u64) -> journal::Batch {
    let index = index_of(stream);
    let mut batch = journal::Batch::new();
    if shelf.journal.bounds(index).is_some() {
        batch.drop_stream(index);
    }
    batch.create(index, b"");
    batch
}
