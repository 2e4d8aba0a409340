//! What the journal is to do with an index.

use bytes::Bytes;
use journal::Batch;

use super::index_of;

/// A change of an index: a block by its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::engine) enum Change {
    Write(u64, Bytes),
    Remove(u64),
}

impl Change {
    /// What it takes of a batch.
    pub(in crate::engine) fn bytes(&self) -> usize {
        match self {
            Self::Write(_, bytes) => bytes.len(),
            Self::Remove(_) => 32,
        }
    }

    pub(in crate::engine) fn put(&self, stream: u64, batch: &mut Batch) {
        match self {
            Self::Write(number, bytes) => batch.append(index_of(stream), *number, bytes),
            Self::Remove(number) => batch.remove(index_of(stream), *number),
        }
    }
}
