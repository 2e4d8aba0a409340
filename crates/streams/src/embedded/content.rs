//! What a bucket holds, and what a write does to it.

use std::collections::BTreeMap;

use ports::streams::{Change, Entry, Expect, StreamsError};

/// What an operation takes beyond its key and value, in bytes.
const OPERATION_BYTES: usize = 64;

/// A write.
pub(super) struct Operation {
    pub(super) key: String,
    /// `None` deletes.
    pub(super) value: Option<Vec<u8>>,
    pub(super) expect: Expect,
}

impl Operation {
    /// What it takes in a batch at the most.
    pub(super) fn bytes(&self) -> usize {
        OPERATION_BYTES + self.key.len() + self.value.as_ref().map_or(0, Vec::len)
    }
}

/// A bucket's content.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Content {
    /// Of the last change.
    pub(super) revision: u64,
    /// Revision and value by key.
    pub(super) entries: BTreeMap<String, (u64, Vec<u8>)>,
}

/// What is to be written: changes, each with the revision that it replaces.
#[derive(Default)]
pub(super) struct Wave {
    pub(super) changes: Vec<(Change, Option<u64>)>,
    /// The revision of each key that these changes touched, `None` if they deleted it.
    touched: BTreeMap<String, Option<u64>>,
}

impl Content {
    /// Decides on a write after those of the wave; what it changes joins the wave. Returns the revision of the answer.
    pub(super) fn decide(&self, wave: &mut Wave, operation: Operation) -> Result<u64, StreamsError> {
        let Operation { key, value, expect } = operation;
        let touched = wave.touched.get(&key).copied();
        let found = touched.unwrap_or_else(|| self.entries.get(&key).map(|(revision, _)| *revision));
        let as_expected = match expect {
            Expect::Any => true,
            Expect::Absent => found.is_none(),
            Expect::Revision(revision) => found == Some(revision),
        };
        if !as_expected {
            return Err(StreamsError::Conflict { what: format!("key `{key}`"), found: found.unwrap_or(0) });
        }
        let last = self.revision + wave.changes.len() as u64;
        if value.is_none() && found.is_none() {
            return Ok(last);
        }
        let revision = last + 1;
        wave.touched.insert(key.clone(), value.is_some().then_some(revision));
        let change = match value {
            Some(value) => Change::Put(Entry { key, value, revision }),
            None => Change::Delete { key, revision },
        };
        wave.changes.push((change, found));
        Ok(revision)
    }

    /// Takes over a change that is written.
    pub(super) fn change(&mut self, change: &Change) {
        match change {
            Change::Put(Entry { key, value, revision }) => {
                self.revision = *revision;
                self.entries.insert(key.clone(), (*revision, value.clone()));
            }
            Change::Delete { key, revision } => {
                self.revision = *revision;
                self.entries.remove(key);
            }
        }
    }
}
