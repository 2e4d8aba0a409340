//! Entries of buckets: what their streams keep of each key.

use std::collections::BTreeMap;

use logic::subject::{is_filter, matches};
use model::{
    BucketName,
    api::{BucketEntry, BucketRevision, Content, KeyOperation, PutValue},
    spec::Bucket,
};
use ports::streams::{Expect, Message, Start, StreamsError};
use tokio::sync::mpsc;

use super::{
    Messaging,
    problem::{bad_content, bad_keys, not_put, refused, too_large, unknown_key},
};
use crate::supervisor::Answer;

/// The most that keys and values of an answer may have together, in bytes.
const ENTRIES_BYTES_MAX: usize = 64 << 20;
/// How often a key is read again that was written between two looks at it.
const TRIES: u32 = 8;

/// Which keys, by a filter as subjects have it.
#[derive(Debug, Clone)]
pub(crate) struct Keys(String);

impl Keys {
    pub(crate) fn parse(keys: Option<String>) -> Answer<Self> {
        let keys = keys.unwrap_or_else(|| ">".into());
        if is_filter(keys.as_bytes()) { Ok(Self(keys)) } else { Err(bad_keys(&keys)) }
    }

    /// The entry in a message of a bucket's stream, if it is of such a key.
    pub(crate) fn entry(&self, bucket: &BucketName, message: &Message) -> Option<BucketEntry> {
        let key = message.subject.strip_prefix("$KV.")?.strip_prefix(bucket.as_str())?.strip_prefix('.')?;
        matches(self.0.as_bytes(), key.as_bytes()).then(|| entry(key, message))
    }
}

impl Messaging {
    /// The value of each of these keys that has one.
    pub(crate) async fn values(&self, bucket: &BucketName, keys: &Keys) -> Answer<Vec<BucketEntry>> {
        let mut values = BTreeMap::new();
        let mut bytes = 0;
        let mut kept =
            self.kept_in(&self.streams.topics.info(&stream(bucket)).await.map_err(refused)?, Start::Sequence(0));
        while let Some(message) = kept.next().await.map_err(refused)? {
            let Some(entry) = keys.entry(bucket, &message) else { continue };
            bytes += entry.key.len() + message.payload.len();
            if bytes > ENTRIES_BYTES_MAX {
                return Err(too_large(bucket.as_str()));
            }
            match entry.operation {
                KeyOperation::Put => values.insert(entry.key.clone(), entry),
                KeyOperation::Delete | KeyOperation::Purge => values.remove(&entry.key),
            };
        }
        Ok(values.into_values().collect())
    }

    /// What is kept of a key, oldest first.
    pub(crate) async fn history(&self, bucket: &BucketName, key: &str) -> Answer<Vec<BucketEntry>> {
        let (keys, mut history) = (Keys(key.into()), Vec::new());
        let mut kept =
            self.kept_in(&self.streams.topics.info(&stream(bucket)).await.map_err(refused)?, Start::Sequence(0));
        while let Some(message) = kept.next().await.map_err(refused)? {
            history.extend(keys.entry(bucket, &message));
        }
        if history.is_empty() { Err(unknown_key(bucket.as_str(), key)) } else { Ok(history) }
    }

    /// All that is kept, and every change.
    pub(crate) async fn watch(&self, bucket: &BucketName) -> Answer<mpsc::Receiver<Result<Message, StreamsError>>> {
        self.streams.topics.tail(&stream(bucket), Start::Sequence(0)).await.map_err(refused)
    }

    /// The value of a key. The bucket says its revision, and its stream when that was written.
    pub(crate) async fn entry(&self, bucket: &BucketName, key: &str) -> Answer<BucketEntry> {
        let unknown = || unknown_key(bucket.as_str(), key);
        for _ in 0..TRIES {
            let found = self.streams.buckets.get(bucket.as_str(), key).await.map_err(refused)?.ok_or_else(unknown)?;
            let start = Start::Sequence(found.revision);
            let messages = self.streams.topics.read(&stream(bucket), start, 1).await.map_err(refused)?;
            if let Some(message) = messages.first().filter(|message| message.sequence == found.revision) {
                return Ok(entry(key, message));
            }
        }
        Err(refused(StreamsError::Unreachable(format!("`{key}` is written all the time"))))
    }

    pub(crate) async fn put(&self, bucket: &BucketName, key: &str, put: PutValue) -> Answer<BucketRevision> {
        let value = put.value.bytes().map_err(|error| bad_content(&error))?;
        let expect = match put.revision {
            None => Expect::Any,
            Some(0) => Expect::Absent,
            Some(revision) => Expect::Revision(revision),
        };
        let put = self.streams.buckets.put(bucket.as_str(), key, value, expect).await;
        let revision = put.map_err(|error| not_put(bucket, error))?;
        Ok(BucketRevision { revision })
    }

    pub(crate) async fn delete(&self, bucket: &BucketName, key: &str) -> Answer<BucketRevision> {
        let revision = self.streams.buckets.delete(bucket.as_str(), key, Expect::Any).await.map_err(refused)?;
        Ok(BucketRevision { revision })
    }
}

fn stream(bucket: &BucketName) -> String {
    Bucket::stream_name(bucket)
}

fn entry(key: &str, message: &Message) -> BucketEntry {
    BucketEntry {
        key: key.to_owned(),
        revision: message.sequence,
        at: message.at,
        operation: operation(message),
        value: Content::of(&message.payload),
    }
}

/// Clients say what they do in `KV-Operation`, servers why they leave a mark in `Nats-Marker-Reason`.
fn operation(message: &Message) -> KeyOperation {
    let header =
        |wanted: &str| message.headers.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str());
    match header("KV-Operation").or_else(|| header("Nats-Marker-Reason")) {
        None => KeyOperation::Put,
        Some("PURGE" | "Purge") => KeyOperation::Purge,
        Some(_) => KeyOperation::Delete,
    }
}

#[cfg(test)]
mod tests {
    use model::Timestamp;

    use super::*;

    fn message(subject: &str, header: Option<(&str, &str)>) -> Message {
        let headers = header.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        Message { sequence: 3, subject: subject.into(), headers, payload: b"v".to_vec(), at: Timestamp(7) }
    }

    #[test]
    fn entries_of_keys() {
        let bucket = "sent".parse().unwrap();
        for (keys, subject, expected) in [
            (None, "$KV.sent.a.b", Some("a.b")),
            (Some("a.*"), "$KV.sent.a.b", Some("a.b")),
            (Some("a.*"), "$KV.sent.a", None),
            (Some("a.*"), "$KV.sent.a.b.c", None),
            (Some("a.>"), "$KV.sent.a.b.c", Some("a.b.c")),
            (None, "$KV.sent2.a", None),
            (None, "other", None),
        ] {
            let keys = Keys::parse(keys.map(str::to_owned)).map_err(|problem| problem.detail).unwrap();
            let found = keys.entry(&bucket, &message(subject, None));
            assert_eq!(found.as_ref().map(|entry| entry.key.as_str()), expected, "{subject}");
        }
        for keys in ["", "a..b", "a.", ">.a", "a b"] {
            assert_eq!(Keys::parse(Some(keys.into())).unwrap_err().reason, "bad-keys", "{keys}");
        }
    }

    #[test]
    fn what_was_done() {
        for (header, expected) in [
            (None, KeyOperation::Put),
            (Some(("trace", "7")), KeyOperation::Put),
            (Some(("KV-Operation", "DEL")), KeyOperation::Delete),
            (Some(("KV-Operation", "PURGE")), KeyOperation::Purge),
            (Some(("Nats-Marker-Reason", "MaxAge")), KeyOperation::Delete),
            (Some(("Nats-Marker-Reason", "Purge")), KeyOperation::Purge),
        ] {
            assert_eq!(operation(&message("$KV.sent.a", header)), expected, "{header:?}");
        }
    }
}
