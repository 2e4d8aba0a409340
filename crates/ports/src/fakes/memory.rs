//! Records in memory, each write of them counted.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, atomic::Ordering},
};

use async_trait::async_trait;
use tokio::sync::mpsc;

use super::Counts;
use crate::streams::{Change, Entry, Expect, KeyValue, StreamsError, Write};

/// Keeps every bucket in one map; nothing here writes on a condition.
#[derive(Debug)]
pub struct Memory {
    counts: Arc<Counts>,
    entries: Mutex<BTreeMap<(String, String), Vec<u8>>>,
}

impl Memory {
    /// Without any record.
    pub fn new(counts: Arc<Counts>) -> Self {
        Self { counts, entries: Mutex::default() }
    }

    fn change(&self, change: impl FnOnce(&mut BTreeMap<(String, String), Vec<u8>>)) -> u64 {
        change(&mut self.entries.lock().expect("no holder of the lock panics"));
        self.counts.records.fetch_add(1, Ordering::Relaxed) + 1
    }
}

#[async_trait]
impl KeyValue for Memory {
    async fn get(&self, bucket: &str, key: &str) -> Result<Option<Entry>, StreamsError> {
        let entries = self.entries.lock().expect("no holder of the lock panics");
        let value = entries.get(&(bucket.to_owned(), key.to_owned()));
        Ok(value.map(|value| Entry { key: key.into(), value: value.clone(), revision: 1 }))
    }

    async fn put(&self, bucket: &str, key: &str, value: Vec<u8>, _: Expect) -> Result<u64, StreamsError> {
        Ok(self.change(|entries| drop(entries.insert((bucket.into(), key.into()), value))))
    }

    async fn delete(&self, bucket: &str, key: &str, _: Expect) -> Result<u64, StreamsError> {
        Ok(self.change(|entries| drop(entries.remove(&(bucket.into(), key.into())))))
    }

    async fn write_all(&self, bucket: &str, writes: Vec<Write>) -> Result<(), StreamsError> {
        for Write { key, value } in writes {
            match value {
                Some(value) => self.put(bucket, &key, value, Expect::Any).await?,
                None => self.delete(bucket, &key, Expect::Any).await?,
            };
        }
        Ok(())
    }

    async fn list(&self, bucket: &str, prefix: &str) -> Result<Vec<Entry>, StreamsError> {
        let entries = self.entries.lock().expect("no holder of the lock panics");
        let found = entries.iter().filter(|((of, key), _)| of == bucket && key.starts_with(prefix));
        let entry = |((_, key), value): (&(String, String), &Vec<u8>)| Entry {
            key: key.clone(),
            value: value.clone(),
            revision: 1,
        };
        Ok(found.map(entry).collect())
    }

    async fn watch(&self, _: &str) -> Result<mpsc::Receiver<Change>, StreamsError> {
        Ok(mpsc::channel(1).1)
    }
}
