//! Buckets of keys with revisions.

use async_trait::async_trait;
use tokio::sync::mpsc;

use super::StreamsError;

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

/// A key and its new value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// The key.
    pub key: String,
    /// The value; `None` deletes the key, if it is there.
    pub value: Option<Vec<u8>>,
}

/// Buckets of keys. A write is as durable as the engine promises when it returns; that to the node's journal is on disk.
#[async_trait]
pub trait KeyValue: Send + Sync + 'static {
    /// The entry of a key.
    async fn get(&self, bucket: &str, key: &str) -> Result<Option<Entry>, StreamsError>;
    /// Writes a key; returns the new revision.
    async fn put(&self, bucket: &str, key: &str, value: Vec<u8>, expect: Expect) -> Result<u64, StreamsError>;
    /// Deletes a key; no error if there is none (unless a revision is expected).
    async fn delete(&self, bucket: &str, key: &str, expect: Expect) -> Result<u64, StreamsError>;
    /// Writes all of these, or none of them. Only the node's buckets can; others answer [`StreamsError::Unsupported`].
    async fn write_all(&self, bucket: &str, writes: Vec<Write>) -> Result<(), StreamsError> {
        let _ = (bucket, writes);
        Err(StreamsError::Unsupported("writes of several keys at once"))
    }
    /// All entries whose key begins with the prefix, by key.
    async fn list(&self, bucket: &str, prefix: &str) -> Result<Vec<Entry>, StreamsError>;
    /// All entries now, then every change, in the order of revisions. Of the node's buckets nothing is lost; of those of services,
    /// changes that the same key has replaced may be left out. A watcher that falls more than 1,024 changes behind is closed and
    /// must watch again.
    async fn watch(&self, bucket: &str) -> Result<mpsc::Receiver<Change>, StreamsError>;
}
