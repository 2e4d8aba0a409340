//! The embedded engine: one journal for all buckets; a bucket is a stream of which the last record per key is kept.

mod bucket;
mod content;
mod error;
mod node;
mod older;
mod record;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use journal::{Folder, Journal, Options};
use ports::streams::{Change, Entry, Expect, KeyValue, StreamsError, Write};
use tokio::sync::{OnceCell, mpsc};

use bucket::Bucket;
use content::Operation;
use node::{MESSAGES, Node};

/// The longest name of a bucket, in bytes.
const BUCKET_NAME_BYTES_MAX: usize = 64;
/// The longest key, in bytes.
const KEY_BYTES_MAX: usize = 256;
/// The largest value, in bytes.
const VALUE_BYTES_MAX: usize = 1 << 20;
/// The most that is written at once, in bytes; a batch of the journal has room for it.
const WRITES_BYTES_MAX: usize = 7 << 20;

/// The buckets of one folder.
pub struct Buckets {
    folder: PathBuf,
    /// The journal's reserve once the messages of services are beside them.
    reserve_bytes: u64,
    node: OnceCell<Arc<Node>>,
    open: Mutex<BTreeMap<String, Arc<OnceCell<Arc<Bucket>>>>>,
}

impl Buckets {
    /// The buckets of a folder, which must exist; its journal is opened, or made, when it is first needed. Only one process
    /// can use it at a time.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder, reserve_bytes: Options::default().reserve_bytes, node: OnceCell::new(), open: Mutex::default() }
    }

    /// The buckets of a journal that is open, on a disk that fails; it is left as it is.
    #[cfg(test)]
    pub(crate) fn over(journal: Arc<Journal>) -> Self {
        let node = Arc::new(Node::with(journal, "disk".into()));
        Self { reserve_bytes: 0, node: node.into(), ..Self::new("disk".into()) }
    }

    /// The journal that they are in, with a reserve that is large enough for the messages of services beside them.
    ///
    /// # Errors
    /// When it cannot be opened, or written.
    pub async fn journal(&self) -> Result<Arc<Journal>, StreamsError> {
        self.node(MESSAGES).await?.for_messages(self.reserve_bytes).await
    }

    /// Errors name the bucket that needs it.
    async fn node(&self, bucket: &str) -> Result<&Arc<Node>, StreamsError> {
        self.node.get_or_try_init(|| Node::open(self.folder.clone(), bucket)).await
    }

    async fn bucket(&self, name: &str) -> Result<Arc<Bucket>, StreamsError> {
        check_name(name)?;
        let cell = {
            let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            open.entry(name.to_owned()).or_default().clone()
        };
        let bucket = cell.get_or_try_init(|| async {
            let node = self.node(name).await?.clone();
            Bucket::open(name, node).await.map(Arc::new)
        });
        bucket.await.cloned()
    }
}

/// Whether no process has the buckets of a folder open, this one included.
pub fn is_free(folder: &Path) -> bool {
    Folder::open(&folder.join(node::JOURNAL)).is_ok()
}

#[async_trait]
impl KeyValue for Buckets {
    async fn get(&self, bucket: &str, key: &str) -> Result<Option<Entry>, StreamsError> {
        Ok(self.bucket(bucket).await?.get(key))
    }

    async fn put(&self, bucket: &str, key: &str, value: Vec<u8>, expect: Expect) -> Result<u64, StreamsError> {
        check_key(key)?;
        check_value(&value)?;
        let operation = Operation { key: key.into(), value: Some(value), expect };
        self.bucket(bucket).await?.write(vec![operation]).await
    }

    async fn delete(&self, bucket: &str, key: &str, expect: Expect) -> Result<u64, StreamsError> {
        check_key(key)?;
        self.bucket(bucket).await?.write(vec![Operation { key: key.into(), value: None, expect }]).await
    }

    async fn write_all(&self, bucket: &str, writes: Vec<Write>) -> Result<(), StreamsError> {
        for Write { key, value } in &writes {
            check_key(key)?;
            value.as_deref().map_or(Ok(()), check_value)?;
        }
        let operation = |Write { key, value }| Operation { key, value, expect: Expect::Any };
        let operations: Vec<_> = writes.into_iter().map(operation).collect();
        check_size(&operations)?;
        self.bucket(bucket).await?.write(operations).await.map(drop)
    }

    async fn list(&self, bucket: &str, prefix: &str) -> Result<Vec<Entry>, StreamsError> {
        Ok(self.bucket(bucket).await?.list(prefix))
    }

    async fn watch(&self, bucket: &str) -> Result<mpsc::Receiver<Change>, StreamsError> {
        Ok(self.bucket(bucket).await?.watch())
    }
}

fn check_name(name: &str) -> Result<(), StreamsError> {
    let fits = (1..=BUCKET_NAME_BYTES_MAX).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if fits { Ok(()) } else { Err(StreamsError::Invalid(format!("`{name}` is not a bucket name"))) }
}

fn check_key(key: &str) -> Result<(), StreamsError> {
    let fits = (1..=KEY_BYTES_MAX).contains(&key.len());
    if fits { Ok(()) } else { Err(StreamsError::Invalid(format!("a key has 1 to {KEY_BYTES_MAX} bytes"))) }
}

fn check_value(value: &[u8]) -> Result<(), StreamsError> {
    let fits = value.len() <= VALUE_BYTES_MAX;
    if fits { Ok(()) } else { Err(StreamsError::Invalid(format!("a value has at most {VALUE_BYTES_MAX} bytes"))) }
}

fn check_size(operations: &[Operation]) -> Result<(), StreamsError> {
    let fits = operations.iter().map(Operation::bytes).sum::<usize>() <= WRITES_BYTES_MAX;
    let too_large = || StreamsError::Invalid(format!("at most {WRITES_BYTES_MAX} bytes are written at once"));
    if fits { Ok(()) } else { Err(too_large()) }
}
