//! Finds the streams again that the journal keeps.

use std::{
    fs::DirBuilder,
    io,
    os::unix::fs::DirBuilderExt,
    path::Path,
    sync::{Arc, mpsc::sync_channel},
};

use journal::{Batch, Durability, Folder, Journal, JournalError, Options};
use logic::stream::{Stored as _, Wishes};
use model::Timestamp;
use ports::{clock::Clock, wall_clock::WallClock};

use super::{
    Courier, Engine, FIRST_STREAM,
    heads::{Asks, Restored, Shelf, index_of, is_index, renew},
    kept::{Description, Kept, wishes},
    ledger,
    record::Record,
    writer::Writer,
};

/// When an index is made anew, so many blocks of it are written at once.
const INDEX_BLOCKS: usize = 16;

/// Why the streams of a folder cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder cannot be used.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The journal says no.
    #[error("{0}")]
    Journal(#[from] JournalError),
    /// The journal holds what is no stream of this version.
    #[error("stream {0} of the journal cannot be read: {1}")]
    Unreadable(u64, String),
}

/// Opens the streams of a folder, which is made if it is not there. The engine is given to the server as a service, and the
/// courier is started with the server's handle.
///
/// # Errors
/// When the folder is in use or cannot be used, or the journal in it cannot be read.
pub fn open(folder: &Path, clock: Arc<dyn Clock>) -> Result<(Engine, Courier), OpenError> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    open_in(Arc::new(Journal::open(Arc::new(Folder::open(folder)?), Options::default())?), clock)
}

/// Opens the streams of a journal, which may hold others as well. Messages have the time of the host.
///
/// # Errors
/// When they cannot be read.
pub fn open_in(journal: Arc<Journal>, clock: Arc<dyn Clock>) -> Result<(Engine, Courier), OpenError> {
    let clock: Arc<dyn Clock> = Arc::new(WallClock::new(clock));
    let writer = Writer::new(journal);
    let courier = Courier { mail: writer.mail.clone(), clock: clock.clone() };
    let mut engine = Engine::new(writer, clock);
    engine.recover()?;
    Ok((engine, courier))
}

/// Reads all streams of a journal.
pub(super) fn streams(shelf: &Arc<Shelf>, now: Timestamp) -> Result<Vec<Kept>, OpenError> {
    shelf.clear();
    let is_stream = |(id, description): &(u64, bytes::Bytes)| {
        *id >= FIRST_STREAM && !is_index(*id) && ledger::Description::decode(description).is_none()
    };
    let streams = shelf.journal.streams().into_iter().filter(is_stream);
    streams.map(|(id, description)| Recovery { shelf, id, now }.run(&description)).collect()
}

/// Reads one stream: its index, and the records that came after it.
struct Recovery<'a> {
    shelf: &'a Arc<Shelf>,
    id: u64,
    now: Timestamp,
}

impl Recovery<'_> {
    fn run(&self, description: &[u8]) -> Result<Kept, OpenError> {
        let description: Description = serde_json::from_slice(description)
            .and_then(serde_json::from_value)
            .map_err(|error| self.unreadable(error.to_string()))?;
        let window = u64::try_from(description.config.duplicate_window.as_micros()).unwrap_or(u64::MAX);
        let mut restored = self.index(Timestamp(self.now.0.saturating_sub(window)))?;
        let (last, flagged) = (restored.last, std::mem::take(&mut restored.sums.flagged));
        let mut kept = Kept::restored(self.id, description, restored);
        self.recall(&mut kept, last, &flagged)?;
        self.read_on(&mut kept, last + 1)?;
        self.write_index(&mut kept, 1);
        kept.damage = self.shelf.journal.damage(self.id);
        kept.recovered(self.shelf.journal.bounds(self.id).unwrap_or_default().last, self.now);
        Ok(kept)
    }

    /// The index, or the beginning of a new one.
    fn index(&self, remembered: Timestamp) -> Result<Restored, OpenError> {
        let journal = &self.shelf.journal;
        let is_sound = journal.bounds(index_of(self.id)).is_some() && journal.damage(index_of(self.id)).is_none();
        let restored = if is_sound { Restored::read(self.id, self.shelf, remembered)? } else { None };
        if let Some(restored) = restored {
            return Ok(restored);
        }
        self.shelf.clear();
        self.commit(renew(self.shelf, self.id))?;
        Ok(Restored::nothing(self.id, self.shelf.clone()))
    }

    /// Tells the stream what its messages in the index ask for.
    fn recall(&self, kept: &mut Kept, last: u64, flagged: &[u64]) -> Result<(), OpenError> {
        let Kept { hub, heads, .. } = kept;
        let mut failed = None;
        heads.visit_flagged(flagged, |head, asks| {
            let wishes = if asks == Asks::default() { Ok(None) } else { self.wishes(head.seq) };
            match wishes {
                Ok(wishes) => hub.stream.recall(&head, &wishes.unwrap_or_default(), self.now),
                Err(error) => failed = Some(error),
            }
        });
        if let Some(head) = heads.get(last) {
            hub.stream.used(&head, &self.wishes(last)?.unwrap_or_default(), self.now);
        }
        failed.map_or(Ok(()), Err)
    }

    /// What a message asks for, if it can be read.
    fn wishes(&self, seq: u64) -> Result<Option<Wishes>, OpenError> {
        match self.shelf.journal.get(self.id, seq) {
            Ok(bytes) => Ok(bytes.as_deref().and_then(Record::decode).and_then(|record| wishes(record.headers))),
            Err(JournalError::Damaged { .. }) => Ok(None),
            Err(other) => Err(other.into()),
        }
    }

    /// Reads the records from a sequence on; where one is damaged it goes on behind the segment.
    fn read_on(&self, kept: &mut Kept, mut from: u64) -> Result<(), OpenError> {
        loop {
            let mut damaged = false;
            for record in self.shelf.journal.records(self.id, from) {
                match record {
                    Ok((seq, bytes)) => {
                        let record = Record::decode(&bytes).ok_or_else(|| self.unreadable(format!("record {seq}")))?;
                        kept.restore(seq, &record, self.now);
                        self.write_index(kept, INDEX_BLOCKS);
                        from = seq + 1;
                    }
                    Err(JournalError::Damaged { .. }) => damaged = true,
                    Err(other) => return Err(other.into()),
                }
            }
            let extents = self.shelf.journal.extents(self.id);
            let behind = extents.get(extents.partition_point(|extent| extent.last < from) + 1);
            match behind.filter(|_| damaged) {
                Some(extent) => from = extent.first,
                None => return Ok(()),
            }
        }
    }

    /// Writes what is new in the index, if it is so much. What cannot be written goes with the stream's next change.
    fn write_index(&self, kept: &mut Kept, blocks: usize) {
        if kept.heads.changes() < blocks {
            return;
        }
        let changes = kept.heads.take_changes();
        let mut batch = Batch::new();
        changes.iter().for_each(|change| change.put(self.id, &mut batch));
        if self.commit(batch).is_err() {
            kept.heads.put_back(changes);
        }
    }

    fn commit(&self, batch: Batch) -> Result<(), JournalError> {
        let (done, outcome) = sync_channel(1);
        self.shelf.journal.commit(batch.for_reserve(), Durability::None, move |result| drop(done.send(result)));
        outcome.recv().unwrap_or(Err(JournalError::Closed))
    }

    fn unreadable(&self, cause: String) -> OpenError {
        OpenError::Unreadable(self.id, cause)
    }
}
