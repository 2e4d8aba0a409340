//! Buckets hold the last value of each key.

use model::spec::Bucket;

use super::{BUCKET, PATIENCE, Rig, refused};
use crate::streams::{Change, Entry, Expect, KeyValue, StreamsError};

/// Buckets hold the last value of each key.
pub async fn buckets(rig: impl Rig) {
    let buckets = rig.buckets();
    refused!(buckets.get(BUCKET, "a").await, StreamsError::Absent(_));
    refused!(put(&*buckets, "a", "1", Expect::Any).await, StreamsError::Absent(_));
    let mut stream = Bucket::default().stream(&BUCKET.parse().expect("it is the name of a bucket"));
    // Debian's nats-server knows no times to live.
    stream.allow_msg_ttl = rig.topics().capabilities().ttl;
    rig.topics().ensure(stream).await.expect("it is made");

    assert_eq!(buckets.get(BUCKET, "a").await.expect("it is read"), None);
    let first = put(&*buckets, "a", "1", Expect::Absent).await.expect("it is new");
    refused!(put(&*buckets, "a", "2", Expect::Absent).await, StreamsError::Conflict { .. });
    let mut watch = buckets.watch(BUCKET).await.expect("it is watched");
    let second = put(&*buckets, "a", "2", Expect::Revision(first)).await.expect("it is at this revision");
    let conflict = put(&*buckets, "a", "3", Expect::Revision(first)).await;
    refused!(conflict, StreamsError::Conflict { found, .. } if found == second);
    assert_eq!(buckets.get(BUCKET, "a").await.expect("it is read"), Some(entry("a", "2", second)));

    let third = put(&*buckets, "b/c.d", "x", Expect::Any).await.expect("it is written");
    let list = async |prefix| buckets.list(BUCKET, prefix).await.expect("they are listed");
    assert_eq!(list("").await, [entry("a", "2", second), entry("b/c.d", "x", third)]);
    assert_eq!(list("b/").await, [entry("b/c.d", "x", third)]);
    refused!(buckets.delete(BUCKET, "a", Expect::Revision(first)).await, StreamsError::Conflict { .. });
    let gone = buckets.delete(BUCKET, "a", Expect::Any).await.expect("it is deleted");
    assert_eq!(buckets.get(BUCKET, "a").await.expect("it is read"), None);
    assert_eq!(list("a").await, []);
    put(&*buckets, "a", "again", Expect::Absent).await.expect("it was deleted");
    for key in ["", "a b", "a.*", ".a", "é"] {
        refused!(put(&*buckets, key, "1", Expect::Any).await, StreamsError::Invalid(_));
    }
    refused!(buckets.get("no.bucket", "a").await, StreamsError::Invalid(_));

    let mut seen = Vec::new();
    while seen.last() != Some(&gone) {
        let change = tokio::time::timeout(PATIENCE, watch.recv()).await.expect("it comes").expect("the watch goes on");
        seen.push(match change {
            Change::Put(entry) => entry.revision,
            Change::Delete { revision, .. } => revision,
        });
        // A deletion that its key has replaced may be left out.
        if seen.last() > Some(&gone) {
            break;
        }
    }
    assert!(seen.is_sorted() && seen.first() == Some(&first), "{seen:?}");
}

async fn put(buckets: &dyn KeyValue, key: &str, value: &str, expect: Expect) -> Result<u64, StreamsError> {
    buckets.put(BUCKET, key, value.into(), expect).await
}

fn entry(key: &str, value: &str, revision: u64) -> Entry {
    Entry { key: key.into(), value: value.into(), revision }
}
