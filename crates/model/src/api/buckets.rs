//! Buckets and their entries, as the key-value API of NATS clients has them.

use serde::{Deserialize, Serialize};

use super::Content;
use crate::{BucketName, ServiceName, Timestamp};

/// The state of a bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BucketStatus {
    /// Its name.
    pub name: BucketName,
    /// The service that owns it.
    pub owner: ServiceName,
    /// The entries that are kept: values, and marks of keys that were deleted.
    pub entries: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The revision of the last write; 0 if there was none.
    pub revision: u64,
    /// When that was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_at: Option<Timestamp>,
}

/// Which entries of a bucket are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct BucketQuery {
    /// Only those of these keys: `*` stands for a word between dots, `>` at the end for all that follows. All keys if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keys: Option<String>,
    /// Whether to go on with every change as it comes.
    #[serde(default)]
    pub follow: bool,
}

/// What a key was written with, or that it was deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BucketEntry {
    /// The key.
    pub key: String,
    /// The bucket's revision after it.
    pub revision: u64,
    /// When.
    pub at: Timestamp,
    /// What was done.
    pub operation: KeyOperation,
    /// The value; empty if it was deleted.
    pub value: Content,
}

/// What was done with a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum KeyOperation {
    /// It was written.
    Put,
    /// It was deleted.
    Delete,
    /// It was deleted, and its past too.
    Purge,
}

/// A value for a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PutValue {
    /// The value.
    pub value: Content,
    /// Only if the key is at this revision; 0: only if it has no value. Whatever there is if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<u64>,
}

/// A bucket has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BucketRevision {
    /// Its revision after the change.
    pub revision: u64,
}
