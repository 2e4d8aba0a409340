//! `ports::streams::KeyValue` for the buckets of services: streams `KV_…`, as NATS clients make and use them.

use std::collections::BTreeMap;

use async_trait::async_trait;
use logic::subject::is_subject;
use model::BucketName;
use ports::{
    streams::{Change, Entry, Expect, KeyValue, Message, Publish, StreamsError},
    tasks::TaskKind,
};
use serde_json::json;
use tokio::sync::mpsc;

use super::{Client, read::header};

/// How far a watcher may fall behind, in changes.
const WATCHER_LAG_MAX: usize = 1024;
const OPERATION: &str = "KV-Operation";
const EXPECTED: &str = "Nats-Expected-Last-Subject-Sequence";

#[async_trait]
impl KeyValue for Client {
    async fn get(&self, bucket: &str, key: &str) -> Result<Option<Entry>, StreamsError> {
        let last = self.last(bucket, key).await?;
        Ok(last.filter(|message| !is_deletion(message)).map(|message| entry(bucket, message)))
    }

    async fn put(&self, bucket: &str, key: &str, value: Vec<u8>, expect: Expect) -> Result<u64, StreamsError> {
        let written = self.write(bucket, key, value.clone(), expect, None).await;
        if !matches!((&written, expect), (Err(StreamsError::Conflict { .. }), Expect::Absent)) {
            return written;
        }
        // A key that was deleted has a revision still.
        match self.last(bucket, key).await? {
            Some(last) if is_deletion(&last) => {
                self.write(bucket, key, value, Expect::Revision(last.sequence), None).await
            }
            _ => written,
        }
    }

    async fn delete(&self, bucket: &str, key: &str, expect: Expect) -> Result<u64, StreamsError> {
        self.write(bucket, key, Vec::new(), expect, Some("DEL")).await
    }

    async fn list(&self, bucket: &str, prefix: &str) -> Result<Vec<Entry>, StreamsError> {
        let (entries, _) = self.entries(bucket).await?;
        Ok(entries.into_values().filter(|entry| entry.key.starts_with(prefix)).collect())
    }

    async fn watch(&self, bucket: &str) -> Result<mpsc::Receiver<Change>, StreamsError> {
        let (entries, next) = self.entries(bucket).await?;
        let (sender, receiver) = mpsc::channel(WATCHER_LAG_MAX + entries.len());
        for found in entries.into_values() {
            sender.try_send(Change::Put(found)).expect("the channel has room for every entry");
        }
        let mut messages = self.follow(&stream(bucket)?, ports::streams::Start::Sequence(next)).await?;
        let bucket = bucket.to_owned();
        self.tasks.spawn(TaskKind::Work("watch"), async move {
            loop {
                let message = tokio::select! {
                    message = messages.recv() => message,
                    () = sender.closed() => return,
                };
                let Some(Ok(message)) = message else { return };
                if sender.try_send(change(&bucket, message)).is_err() {
                    return;
                }
            }
        });
        Ok(receiver)
    }
}

impl Client {
    async fn last(&self, bucket: &str, key: &str) -> Result<Option<Message>, StreamsError> {
        let last = json!({"last_by_subj": subject(bucket, key)?});
        of_bucket(bucket, self.fetch(&stream(bucket)?, &last).await)
    }

    async fn write(
        &self,
        bucket: &str,
        key: &str,
        payload: Vec<u8>,
        expect: Expect,
        operation: Option<&str>,
    ) -> Result<u64, StreamsError> {
        let expected = match expect {
            Expect::Any => None,
            Expect::Absent => Some(0),
            Expect::Revision(revision) => Some(revision),
        };
        let expected = expected.map(|revision| (EXPECTED.to_owned(), revision.to_string()));
        let operation = operation.map(|operation| (OPERATION.to_owned(), operation.to_owned()));
        let headers = expected.into_iter().chain(operation).collect();
        let message = Publish { subject: subject(bucket, key)?, headers, payload, ..Publish::default() };
        let written = self.publish_about(message, &format!("key `{key}`")).await;
        of_bucket(bucket, written).map(|ack| ack.sequence)
    }

    /// All entries, and the sequence after the last message that was looked at.
    async fn entries(&self, bucket: &str) -> Result<(BTreeMap<String, Entry>, u64), StreamsError> {
        let name = stream(bucket)?;
        let last = of_bucket(bucket, self.stream(&name).await)?.last_sequence;
        let (mut found, mut from) = (BTreeMap::new(), 0);
        while from <= last
            && let Some(message) = self.next(&name, from).await?
        {
            from = message.sequence + 1;
            match change(bucket, message) {
                Change::Put(entry) => drop(found.insert(entry.key.clone(), entry)),
                Change::Delete { key, .. } => drop(found.remove(&key)),
            }
        }
        Ok((found, from.max(last + 1)))
    }
}

fn stream(bucket: &str) -> Result<String, StreamsError> {
    let invalid = |error| StreamsError::Invalid(format!("`{bucket}` is not a bucket: {error}"));
    bucket.parse::<BucketName>().map(|name| format!("KV_{name}")).map_err(invalid)
}

fn subject(bucket: &str, key: &str) -> Result<String, StreamsError> {
    let is_key = !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b"-/_=.".contains(&b));
    let subject = format!("$KV.{bucket}.{key}");
    let is_good = is_key && is_subject(subject.as_bytes());
    let invalid = || StreamsError::Invalid(format!("`{key}` is not a key: they are of a-z, A-Z, 0-9 and `-/_=.`"));
    if is_good { Ok(subject) } else { Err(invalid()) }
}

/// A bucket that there is not is one to those who asked for it.
fn of_bucket<T>(bucket: &str, result: Result<T, StreamsError>) -> Result<T, StreamsError> {
    let absent = |error| match error {
        StreamsError::Absent(_) => StreamsError::Absent(format!("bucket `{bucket}`")),
        other => other,
    };
    result.map_err(absent)
}

fn is_deletion(message: &Message) -> bool {
    header(message, OPERATION).is_some_and(|operation| operation == "DEL" || operation == "PURGE")
        || header(message, "Nats-Marker-Reason").is_some()
}

fn entry(bucket: &str, message: Message) -> Entry {
    Entry { key: key(bucket, &message), value: message.payload, revision: message.sequence }
}

fn change(bucket: &str, message: Message) -> Change {
    if is_deletion(&message) {
        return Change::Delete { key: key(bucket, &message), revision: message.sequence };
    }
    Change::Put(entry(bucket, message))
}

fn key(bucket: &str, message: &Message) -> String {
    let prefix = format!("$KV.{bucket}.");
    message.subject.strip_prefix(&prefix).unwrap_or(&message.subject).to_owned()
}
