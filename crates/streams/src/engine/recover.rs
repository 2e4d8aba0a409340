//! Finds the streams again that the journal keeps.

use std::{fs::DirBuilder, io, os::unix::fs::DirBuilderExt, path::Path, sync::Arc};

use journal::{Folder, Journal, JournalError, Options};
use model::Timestamp;
use ports::clock::Clock;

use super::{
    Courier, Engine,
    kept::{Description, Kept},
    ledger,
    record::Record,
    writer::Writer,
};

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
    let journal = Journal::open(Arc::new(Folder::open(folder)?), Options::default())?;
    let writer = Writer::new(journal);
    let courier = Courier { mail: writer.mail.clone(), clock: clock.clone() };
    let mut engine = Engine::new(writer, clock);
    engine.recover()?;
    Ok((engine, courier))
}

/// Reads all streams of a journal.
pub(super) fn streams(journal: &Journal, now: Timestamp) -> Result<Vec<Kept>, OpenError> {
    let read = |(id, description): (u64, bytes::Bytes)| -> Result<Kept, OpenError> {
        let unreadable = |cause: String| OpenError::Unreadable(id, cause);
        let description: Description =
            serde_json::from_slice(&description).map_err(|error| unreadable(error.to_string()))?;
        let mut kept = Kept::new(id, description);
        for record in journal.records(id, 1) {
            let (seq, bytes) = record?;
            let record = Record::decode(&bytes).ok_or_else(|| unreadable(format!("record {seq}")))?;
            kept.restore(seq, &record, now);
        }
        kept.restored(journal.bounds(id).unwrap_or_default().last, now);
        Ok(kept)
    };
    let is_stream = |(_, description): &(u64, bytes::Bytes)| ledger::Description::decode(description).is_none();
    journal.streams().into_iter().filter(is_stream).map(read).collect()
}
