//! What can go wrong, and whose fault it is.

use std::{io, sync::Arc};

/// Why the journal did not do what was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum JournalError {
    /// The batch makes no sense: an unknown stream, a sequence that does not ascend, too many bytes. The caller's fault.
    #[error("{0}")]
    Invalid(String),
    /// What is on disk is not what was written; a person must look. If it came from one stream's own segment, that
    /// stream is read-only and the others go on.
    #[error("{file} is damaged at byte {offset}: {cause}")]
    Damaged {
        /// The file's name in the journal's folder.
        file: String,
        /// Where in it, in bytes.
        offset: u64,
        /// What is wrong.
        cause: &'static str,
    },
    /// The file was written by a newer Isles.
    #[error("{file} has format {found}; this Isles knows formats up to {known}")]
    Newer {
        /// The file's name in the journal's folder.
        file: String,
        /// Its format.
        found: u8,
        /// The newest known.
        known: u8,
    },
    /// The disk is full. Only batches that [`crate::Batch::for_reserve`] marked are taken until there is space again.
    #[error("the disk is full")]
    Full,
    /// More is written than the disk takes; nothing was done. Later it may succeed.
    #[error("the journal is behind: too much waits to be written or moved")]
    Backlog,
    /// A write or a sync failed before: what is on disk is not known until the journal is opened anew.
    #[error("the journal takes nothing until it is opened anew, for a write failed: {0}")]
    Poisoned(Arc<str>),
    /// The journal is closing.
    #[error("the journal is closed")]
    Closed,
    /// The host failed. While opening and reading it may succeed later.
    #[error("{doing}: {source}")]
    Io {
        /// What was being done.
        doing: String,
        /// The cause.
        source: Arc<io::Error>,
    },
}

impl JournalError {
    pub(crate) fn damaged(file: impl Into<String>, offset: u64, cause: &'static str) -> Self {
        Self::Damaged { file: file.into(), offset, cause }
    }

    /// Makes an error of the host one of ours.
    pub(crate) fn io(doing: &str, file: &str) -> impl FnOnce(io::Error) -> Self + use<> {
        let doing = format!("cannot {doing} {file}");
        move |source| match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full,
            _ => Self::Io { doing, source: Arc::new(source) },
        }
    }
}
