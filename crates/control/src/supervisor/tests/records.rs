//! Records in memory, of which one can be held back, or fail.

use std::{io::ErrorKind, sync::Arc};

use async_trait::async_trait;
use ports::{
    fakes::{Counts, Memory},
    streams::{Change, Entry, Expect, KeyValue, StreamsError, Write},
};
use tokio::sync::{mpsc, watch};

/// Records; whoever writes the one that is held back waits.
pub(super) struct Records {
    memory: Memory,
    /// A key, and what the value says.
    held: watch::Sender<Option<(&'static str, &'static str)>>,
    reached: watch::Sender<bool>,
    /// A key that cannot be written.
    failing: watch::Sender<Option<&'static str>>,
}

impl Records {
    pub(super) fn new(counts: Arc<Counts>) -> Self {
        let (held, reached, failing) = Default::default();
        Self { memory: Memory::new(counts), held, reached, failing }
    }

    /// Holds writes of this key back from now on.
    pub(super) fn hold(&self, key: &'static str) {
        self.hold_what_says(key, "");
    }

    /// The same for those that say this.
    pub(super) fn hold_what_says(&self, key: &'static str, says: &'static str) {
        self.reached.send_replace(false);
        self.held.send_replace(Some((key, says)));
    }

    /// Ends when one waits.
    pub(super) async fn reached(&self) {
        self.reached.subscribe().wait_for(|reached| *reached).await.expect("its sender is here");
    }

    pub(super) fn release(&self) {
        self.held.send_replace(None);
    }

    /// Lets writes of this key fail from now on; of none if there is none.
    pub(super) fn fail(&self, key: Option<&'static str>) {
        self.failing.send_replace(key);
    }

    /// A record as it is now.
    pub(super) async fn read(&self, key: &str) -> Option<serde_json::Value> {
        let entry = self.memory.get("system", key).await.expect("it is in memory")?;
        Some(serde_json::from_slice(&entry.value).expect("records are JSON"))
    }

    async fn pass(&self, key: &str, value: &[u8]) -> Result<(), StreamsError> {
        if self.failing.borrow().is_some_and(|failing| failing == key) {
            return Err(StreamsError::Io { doing: "the log".into(), source: ErrorKind::StorageFull.into() });
        }
        let value = String::from_utf8_lossy(value);
        let is_free = |held: &Option<(&str, &str)>| !held.is_some_and(|(of, says)| of == key && value.contains(says));
        if !is_free(&self.held.borrow()) {
            self.reached.send_replace(true);
        }
        self.held.subscribe().wait_for(is_free).await.expect("its sender is here");
        Ok(())
    }
}

#[async_trait]
impl KeyValue for Records {
    async fn get(&self, bucket: &str, key: &str) -> Result<Option<Entry>, StreamsError> {
        self.memory.get(bucket, key).await
    }

    async fn put(&self, bucket: &str, key: &str, value: Vec<u8>, expect: Expect) -> Result<u64, StreamsError> {
        self.pass(key, &value).await?;
        self.memory.put(bucket, key, value, expect).await
    }

    async fn delete(&self, bucket: &str, key: &str, expect: Expect) -> Result<u64, StreamsError> {
        self.memory.delete(bucket, key, expect).await
    }

    async fn write_all(&self, bucket: &str, writes: Vec<Write>) -> Result<(), StreamsError> {
        for Write { key, value } in &writes {
            self.pass(key, value.as_deref().unwrap_or_default()).await?;
        }
        self.memory.write_all(bucket, writes).await
    }

    async fn list(&self, bucket: &str, prefix: &str) -> Result<Vec<Entry>, StreamsError> {
        self.memory.list(bucket, prefix).await
    }

    async fn watch(&self, bucket: &str) -> Result<mpsc::Receiver<Change>, StreamsError> {
        self.memory.watch(bucket).await
    }
}
