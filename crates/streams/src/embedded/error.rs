//! What the journal says, as the port says it.

use std::{
    io::{self, ErrorKind},
    path::Path,
};

use journal::JournalError;
use ports::streams::StreamsError;

pub(super) fn from_journal(error: JournalError, bucket: &str, folder: &Path) -> StreamsError {
    let doing = || format!("the journal {} failed", folder.display());
    let bucket = bucket.to_owned();
    match error {
        JournalError::Damaged { file, offset, cause } => StreamsError::Damaged {
            cause: cause.into(),
            file: format!("{} at byte {offset}", folder.join(file).display()),
        },
        JournalError::Newer { found, known, .. } => {
            StreamsError::Newer { bucket, found: found.into(), known: known.into() }
        }
        JournalError::Full => StreamsError::Io { doing: doing(), source: ErrorKind::StorageFull.into() },
        JournalError::Io { doing, source } => {
            let kept = source.raw_os_error().map_or_else(|| source.kind().into(), io::Error::from_raw_os_error);
            StreamsError::Io { doing: format!("{doing} in {}", folder.display()), source: kept }
        }
        JournalError::Backlog | JournalError::Poisoned(_) => {
            StreamsError::Io { doing: doing(), source: io::Error::other(error.to_string()) }
        }
        JournalError::Closed => StreamsError::Invalid(format!("the bucket `{bucket}` is closing")),
        JournalError::Invalid(cause) => StreamsError::Invalid(cause),
    }
}
