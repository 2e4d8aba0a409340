//! Key-value buckets and object stores, and the streams behind them: as clients make them who ask for the same.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::topic::{DUPLICATE_WINDOW, limit};
use crate::{
    BucketName, ByteSize,
    streams::{Discard, MANIFEST_KEY, StreamConfig},
};

/// What a bucket keeps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bucket {
    /// Values of each key, 1 to 64.
    pub history: u32,
    /// How old a value may become; any age if `None`.
    pub ttl: Option<Duration>,
    /// What all may take; any size if `None`.
    pub max_bytes: Option<ByteSize>,
    /// What one value may take; any size if `None`.
    pub max_value: Option<ByteSize>,
}

/// What an object store keeps.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Objects {
    /// How old an object may become; any age if `None`.
    pub ttl: Option<Duration>,
    /// What all may take; any size if `None`.
    pub max_bytes: Option<ByteSize>,
}

impl Default for Bucket {
    fn default() -> Self {
        Self { history: 1, ttl: None, max_bytes: None, max_value: None }
    }
}

impl Bucket {
    /// The name of a bucket's stream.
    pub fn stream_name(name: &BucketName) -> String {
        format!("KV_{name}")
    }

    /// The stream of a bucket.
    pub fn stream(&self, name: &BucketName) -> StreamConfig {
        StreamConfig {
            name: Self::stream_name(name),
            subjects: vec![format!("$KV.{name}.>")],
            max_msgs_per_subject: self.history.into(),
            max_msg_size: i32::try_from(limit(self.max_value)).unwrap_or(i32::MAX),
            deny_delete: true,
            ..keeper_of_keys(self.ttl, self.max_bytes)
        }
    }
}

impl Objects {
    /// The stream of an object store.
    pub fn stream(&self, name: &BucketName) -> StreamConfig {
        StreamConfig {
            name: format!("OBJ_{name}"),
            subjects: vec![format!("$O.{name}.C.>"), format!("$O.{name}.M.>")],
            ..keeper_of_keys(self.ttl, self.max_bytes)
        }
    }
}

fn keeper_of_keys(ttl: Option<Duration>, max_bytes: Option<ByteSize>) -> StreamConfig {
    StreamConfig {
        max_age: ttl.unwrap_or_default(),
        max_bytes: limit(max_bytes),
        discard: Discard::New,
        duplicate_window: ttl.map_or(DUPLICATE_WINDOW, |ttl| ttl.min(DUPLICATE_WINDOW)),
        allow_rollup_hdrs: true,
        allow_direct: true,
        allow_msg_ttl: true,
        metadata: [(MANIFEST_KEY.to_owned(), "true".to_owned())].into(),
        ..StreamConfig::default()
    }
}
