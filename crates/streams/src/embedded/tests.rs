//! The engine on a real file system.

use std::sync::Arc;

use ports::streams::{Change, Expect, KeyValue, StreamsError};
use proptest::prelude::*;

use super::{
    Buckets,
    format::{Content, Unreadable, decode, encode},
};

fn folder() -> (tempfile::TempDir, Buckets) {
    let folder = tempfile::tempdir().unwrap();
    let buckets = Buckets::new(folder.path().into());
    (folder, buckets)
}

#[tokio::test]
async fn what_was_written_is_there_after_a_restart() {
    let (folder, buckets) = folder();
    assert_eq!(buckets.put("slots", "web/1", b"a".into(), Expect::Any).await.unwrap(), 1);
    assert_eq!(buckets.put("slots", "web/2", b"b".into(), Expect::Absent).await.unwrap(), 2);
    assert_eq!(buckets.put("slots", "x", b"c".into(), Expect::Any).await.unwrap(), 3);
    assert_eq!(buckets.delete("slots", "x", Expect::Revision(3)).await.unwrap(), 4);
    assert_eq!(buckets.delete("slots", "x", Expect::Any).await.unwrap(), 4, "nothing to delete changes nothing");
    let again = Buckets::new(folder.path().into());
    let entries = again.list("slots", "web/").await.unwrap();
    let seen: Vec<_> = entries.iter().map(|e| (e.key.as_str(), e.value.as_slice(), e.revision)).collect();
    assert_eq!(seen, [("web/1", b"a".as_slice(), 1), ("web/2", b"b", 2)]);
    assert_eq!(again.put("slots", "web/1", b"d".into(), Expect::Any).await.unwrap(), 5);
    assert_eq!(again.get("slots", "x").await.unwrap(), None);
}

#[tokio::test]
async fn expectations_hold() {
    let (_folder, buckets) = folder();
    let revision = buckets.put("b", "k", b"1".into(), Expect::Absent).await.unwrap();
    for expect in [Expect::Absent, Expect::Revision(revision + 1)] {
        let refused = buckets.put("b", "k", b"2".into(), expect).await;
        assert!(matches!(refused, Err(StreamsError::Conflict { found, .. }) if found == revision), "{refused:?}");
    }
    assert!(matches!(buckets.delete("b", "none", Expect::Revision(1)).await, Err(StreamsError::Conflict { .. })));
    for (bucket, key) in [("", "k"), ("../b", "k"), ("b", "")] {
        assert!(matches!(buckets.put(bucket, key, vec![], Expect::Any).await, Err(StreamsError::Invalid(_))));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_many_writers_wins_and_all_are_in_the_file() {
    let (folder, buckets) = folder();
    let buckets = Arc::new(buckets);
    let writes = (0..100_u32).map(|n| {
        let buckets = buckets.clone();
        async move {
            buckets.put("b", &format!("k{n}"), n.to_le_bytes().into(), Expect::Any).await.unwrap();
            buckets.put("b", "first", n.to_le_bytes().into(), Expect::Absent).await.is_ok()
        }
    });
    let mut set = tokio::task::JoinSet::new();
    writes.for_each(|write| drop(set.spawn(write)));
    assert_eq!(set.join_all().await.into_iter().filter(|won| *won).count(), 1);
    assert_eq!(Buckets::new(folder.path().into()).list("b", "k").await.unwrap().len(), 100);
}

/// Writers that come while others write: each replacement must begin only when the one before it has ended.
#[tokio::test]
async fn writers_that_come_in_waves_lose_nothing() {
    let (folder, buckets) = folder();
    let buckets = Arc::new(buckets);
    let mut set = tokio::task::JoinSet::new();
    for n in 0..400_u32 {
        let buckets = buckets.clone();
        set.spawn(async move {
            for _ in 0..n % 37 {
                tokio::task::yield_now().await;
            }
            buckets.put("b", &format!("k{n}"), vec![1], Expect::Absent).await.unwrap();
            buckets.delete("b", &format!("k{n}"), Expect::Any).await.unwrap();
            buckets.put("b", &format!("l{n}"), vec![2], Expect::Absent).await.unwrap();
        });
    }
    set.join_all().await;
    let again = Buckets::new(folder.path().into());
    assert_eq!((again.list("b", "k").await.unwrap().len(), again.list("b", "l").await.unwrap().len()), (0, 400));
    assert_eq!(again.list("b", "l").await.unwrap().iter().map(|entry| entry.revision).max(), Some(1200));
}

#[tokio::test]
async fn a_watcher_sees_everything_in_order() {
    let (_folder, buckets) = folder();
    buckets.put("b", "old", b"0".into(), Expect::Any).await.unwrap();
    let mut changes = buckets.watch("b").await.unwrap();
    buckets.put("b", "new", b"1".into(), Expect::Any).await.unwrap();
    buckets.delete("b", "old", Expect::Any).await.unwrap();
    let mut seen = Vec::new();
    for _ in 0..3 {
        seen.push(match changes.recv().await.unwrap() {
            Change::Put(entry) => format!("{} {}", entry.key, entry.revision),
            Change::Delete { key, revision } => format!("-{key} {revision}"),
        });
    }
    assert_eq!(seen, ["old 1", "new 2", "-old 3"]);
}

#[tokio::test]
async fn a_failed_write_is_an_error_and_changes_nothing() {
    let (folder, buckets) = folder();
    buckets.put("b", "k", b"1".into(), Expect::Any).await.unwrap();
    // A folder in the place of the file that is written first.
    std::fs::create_dir(folder.path().join("b.new")).unwrap();
    let refused = buckets.put("b", "k", b"2".into(), Expect::Any).await;
    assert!(matches!(refused, Err(StreamsError::Io { .. })), "{refused:?}");
    assert_eq!(buckets.get("b", "k").await.unwrap().unwrap().value, b"1");
    std::fs::remove_dir(folder.path().join("b.new")).unwrap();
    assert_eq!(buckets.put("b", "k", b"3".into(), Expect::Revision(1)).await.unwrap(), 2);
}

#[tokio::test]
async fn a_damaged_or_newer_file_is_refused() {
    let (folder, buckets) = folder();
    buckets.put("b", "k", b"value".into(), Expect::Any).await.unwrap();
    let path = folder.path().join("b.bucket");
    let whole = std::fs::read(&path).unwrap();
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x40;
        std::fs::write(&path, &bytes).unwrap();
        let refused = Buckets::new(folder.path().into()).get("b", "k").await;
        let newer = matches!(refused, Err(StreamsError::Newer { known: 1, .. }));
        assert!(newer || matches!(refused, Err(StreamsError::Damaged { .. })), "byte {at}: {refused:?}");
        assert_eq!(newer, at == 7);
    }
}

proptest! {
    #[test]
    fn encoding_is_reversible(entries: std::collections::BTreeMap<String, (u64, Vec<u8>)>, revision: u64) {
        let content = Content { revision, entries };
        prop_assert_eq!(decode(&encode(&content)), Ok(content));
    }

    #[test]
    fn any_bytes_are_decoded_without_panic(bytes: Vec<u8>) {
        prop_assert!(matches!(decode(&bytes), Err(Unreadable::Damaged(_) | Unreadable::Newer(_))));
    }
}
