//! Streams: what Isles remembers. So far their key-value part: buckets of keys with revisions.

use async_trait::async_trait;
use tokio::sync::mpsc;

/// The value of a key and the revision that wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// The value.
    pub value: Vec<u8>,
    /// The bucket's revision after the write; greater is later.
    pub revision: u64,
}

/// A change of a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A key was written.
    Put(Entry),
    /// A key was deleted.
    Delete {
        /// The key.
        key: String,
        /// The bucket's revision after it.
        revision: u64,
    },
}

/// What a write expects to find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// Anything.
    Any,
    /// No such key.
    Absent,
    /// The key at this revision.
    Revision(u64),
}

/// Why a bucket did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StreamsError {
    /// The caller's expectation does not hold; read again and decide anew.
    #[error("the key `{key}` is at revision {found}, not as expected")]
    Conflict {
        /// The key.
        key: String,
        /// Its revision; 0 if it does not exist.
        found: u64,
    },
    /// A name or a value is not allowed; the caller's fault.
    #[error("{0}")]
    Invalid(String),
    /// What is stored cannot be read; a person must look.
    #[error("the bucket `{bucket}` is damaged: {cause} ({file})")]
    Damaged {
        /// The bucket.
        bucket: String,
        /// What is wrong.
        cause: String,
        /// The file.
        file: String,
    },
    /// What is stored was written by a newer Isles.
    #[error("the bucket `{bucket}` has format {found}; this Isles knows formats up to {known}")]
    Newer {
        /// The bucket.
        bucket: String,
        /// Its format.
        found: u32,
        /// The newest known.
        known: u32,
    },
    /// The host failed; nothing was acknowledged. May succeed later.
    #[error("{doing}: {source}")]
    Io {
        /// What was being done.
        doing: String,
        /// The cause.
        source: std::io::Error,
    },
}

/// Buckets of keys. A write is durable when it returns.
#[async_trait]
pub trait KeyValue: Send + Sync + 'static {
    /// The entry of a key.
    async fn get(&self, bucket: &str, key: &str) -> Result<Option<Entry>, StreamsError>;
    /// Writes a key; returns the new revision.
    async fn put(&self, bucket: &str, key: &str, value: Vec<u8>, expect: Expect) -> Result<u64, StreamsError>;
    /// Deletes a key; no error if there is none (unless a revision is expected).
    async fn delete(&self, bucket: &str, key: &str, expect: Expect) -> Result<u64, StreamsError>;
    /// All entries whose key begins with the prefix, by key.
    async fn list(&self, bucket: &str, prefix: &str) -> Result<Vec<Entry>, StreamsError>;
    /// All entries now, then every change, in the order of revisions, nothing lost. A watcher that falls more than
    /// 1,024 changes behind is closed and must watch again.
    async fn watch(&self, bucket: &str) -> Result<mpsc::Receiver<Change>, StreamsError>;
}
