//! The engine on a real file system.

use std::{io::ErrorKind, sync::Arc};

use journal::{Fault, FaultyDisk, Journal, Options};
use ports::streams::{Change, Entry, Expect, KeyValue, StreamsError, Write};
use proptest::prelude::*;

use super::{
    Buckets,
    older::{Unreadable, decode},
    record,
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
    drop(buckets);
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
    drop(buckets);
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
    drop(buckets);
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
    let disk = FaultyDisk::new(1);
    let open = || {
        let journal =
            Journal::open(Arc::new(disk.clone()), Options { reserve_bytes: 0, ..Options::default() }).unwrap();
        Buckets::over(Arc::new(journal))
    };
    let buckets = open();
    buckets.put("b", "k", b"1".into(), Expect::Any).await.unwrap();
    let mut changes = buckets.watch("b").await.unwrap();
    disk.fail_after(0, Fault::Call);
    for _ in 0..2 {
        let refused = buckets.put("b", "k", b"2".into(), Expect::Any).await;
        assert!(matches!(refused, Err(StreamsError::Io { .. })), "{refused:?}");
        assert_eq!(buckets.get("b", "k").await.unwrap().unwrap().value, b"1");
    }
    assert!(matches!(changes.try_recv(), Ok(Change::Put(entry)) if entry.revision == 1));
    assert!(changes.try_recv().is_err(), "nobody hears of what is not written");
    drop(buckets);
    disk.restart();
    let again = open();
    assert_eq!(again.put("b", "k", b"3".into(), Expect::Revision(1)).await.unwrap(), 2);
}

fn write(key: &str, value: Option<&[u8]>) -> Write {
    Write { key: key.into(), value: value.map(<[u8]>::to_vec) }
}

#[tokio::test]
async fn writes_of_several_keys_are_one() {
    let (folder, buckets) = folder();
    let all = [write("a", Some(b"1")), write("gone", Some(b"1")), write("a", Some(b"2")), write("gone", None)];
    buckets.write_all("b", all.into()).await.unwrap();
    buckets.write_all("b", vec![]).await.unwrap();
    // The most that may be written: it takes a batch of its own.
    let large = |count: u32| (0..count).map(|n| write(&format!("large{n}"), Some(&[0; 1_048_000]))).collect();
    buckets.write_all("b", large(7)).await.unwrap();
    let too_long = vec![write("a", None), write("b", Some(&[0; (1 << 20) + 1]))];
    for refused in [large(8), too_long, vec![write("a", None), write("", None)]] {
        let refused = buckets.write_all("b", refused).await;
        assert!(matches!(refused, Err(StreamsError::Invalid(_))), "{refused:?}");
    }
    drop(buckets);
    let entries = Buckets::new(folder.path().into()).list("b", "").await.unwrap();
    assert_eq!((entries.len(), entries[0].value.as_slice()), (8, b"2".as_slice()));
}

#[tokio::test]
async fn of_writes_that_fail_all_are_there_or_none() {
    let mut seen = [false; 2];
    for calls in 0..20 {
        let disk = FaultyDisk::new(calls.into());
        let options = || Options { reserve_bytes: 0, ..Options::default() };
        let open = || Buckets::over(Arc::new(Journal::open(Arc::new(disk.clone()), options()).unwrap()));
        let buckets = open();
        buckets.put("b", "a", b"old".into(), Expect::Any).await.unwrap();
        disk.fail_after(calls, Fault::Power);
        let new = || vec![write("a", Some(b"new")), write("b", Some(b"new"))];
        let outcomes = [buckets.write_all("b", new()).await, buckets.write_all("c", new()).await];
        drop(buckets);
        disk.restart();
        let again = open();
        for (bucket, outcome) in ["b", "c"].into_iter().zip(outcomes) {
            let entries = again.list(bucket, "").await.unwrap();
            let is_new = entries.len() == 2 && entries.iter().all(|entry| entry.value == b"new");
            let is_old =
                if bucket == "b" { entries.len() == 1 && entries[0].value == b"old" } else { entries.is_empty() };
            assert!(is_new || is_old && outcome.is_err(), "{calls}: {outcome:?}, {entries:?}");
            seen[usize::from(is_new)] = true;
        }
    }
    assert_eq!(seen, [true; 2]);
}

#[tokio::test]
async fn a_full_disk_is_an_error_and_what_a_node_remembers_still_fits() {
    let disk = FaultyDisk::new(1);
    let options = Options { log_bytes: 64 << 10, reserve_bytes: 1 << 20, ..Options::default() };
    let journal = Journal::open(Arc::new(disk.clone()), options).unwrap();
    let buckets = Buckets::over(Arc::new(journal));
    disk.set_bytes_max(disk.used_bytes());
    // A megabyte after the first file is full: what the reserve holds.
    let mut taken = 0;
    let refused = loop {
        match buckets.put("b", &format!("k{taken}"), vec![0; 10_000], Expect::Any).await {
            Ok(_) => taken += 1,
            Err(refused) => break refused,
        }
    };
    assert!(
        matches!(&refused, StreamsError::Io { source, .. } if source.kind() == ErrorKind::StorageFull),
        "{refused}"
    );
    assert!((100..115).contains(&taken), "{taken}");
    disk.set_bytes_max(u64::MAX);
    buckets.put("b", "k", vec![0; 10_000], Expect::Any).await.unwrap();
}

#[tokio::test]
async fn damaged_or_newer_files_are_refused() {
    let (folder, buckets) = folder();
    buckets.put("b", "k", b"value".into(), Expect::Any).await.unwrap();
    drop(buckets);
    let path = folder.path().join("journal/log-0000000000000001");
    let whole = std::fs::read(&path).unwrap();
    // The header, and the frame of the write: a later one says that it was durable.
    for at in 0..100 {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x40;
        std::fs::write(&path, &bytes).unwrap();
        let refused = Buckets::new(folder.path().into()).get("b", "k").await;
        let newer = matches!(refused, Err(StreamsError::Newer { known: 1, .. }));
        assert!(newer || matches!(refused, Err(StreamsError::Damaged { .. })), "byte {at}: {refused:?}");
        assert_eq!(newer, at == 7);
    }
}

#[tokio::test]
async fn one_process_at_a_time() {
    let (folder, buckets) = folder();
    buckets.put("b", "k", b"value".into(), Expect::Any).await.unwrap();
    let refused = Buckets::new(folder.path().into()).get("b", "k").await;
    assert!(
        matches!(&refused, Err(StreamsError::Io { source, .. }) if source.kind() == ErrorKind::ResourceBusy),
        "{refused:?}"
    );
}

/// A bucket of the older format: revision 9, with `web/1` at 7 and `a` at 4.
const OLDER: &[u8] = b"ISLESKV\x01\x00\x00\x00\x00\x09\0\0\0\0\0\0\0\x02\0\0\0\
    \x01\0a\x04\0\0\0\0\0\0\0\x03\0\0\0one\
    \x05\0web/1\x07\0\0\0\0\0\0\0\x03\0\0\0two";

fn older() -> Vec<u8> {
    let mut bytes = OLDER.to_vec();
    let checksum = crc32c::crc32c(&bytes[12..]);
    bytes[8..12].copy_from_slice(&checksum.to_le_bytes());
    bytes
}

#[tokio::test]
async fn files_of_the_older_format_are_moved_over_once() {
    let (folder, buckets) = folder();
    let path = folder.path().join("host.bucket");
    std::fs::write(&path, older()).unwrap();
    let entry = |key: &str, value: &[u8], revision| Entry { key: key.into(), value: value.into(), revision };
    let expected = [entry("a", b"one", 4), entry("web/1", b"two", 7)];
    assert_eq!(buckets.list("host", "").await.unwrap(), expected);
    assert_eq!(buckets.list("system", "").await.unwrap(), []);
    assert!(!path.exists());
    assert_eq!(buckets.put("host", "a", b"three".into(), Expect::Revision(4)).await.unwrap(), 10);
    drop(buckets);
    // As if the file had outlived a crash: what is in the journal counts.
    std::fs::write(&path, older()).unwrap();
    let again = Buckets::new(folder.path().into());
    assert_eq!(again.get("host", "a").await.unwrap(), Some(entry("a", b"three", 10)));
    assert!(!path.exists());
}

#[tokio::test]
async fn a_damaged_or_newer_file_of_the_older_format_is_refused() {
    let whole = older();
    let (folder, _) = folder();
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x40;
        std::fs::write(folder.path().join("b.bucket"), &bytes).unwrap();
        let refused = Buckets::new(folder.path().into()).get("b", "k").await;
        let newer = matches!(refused, Err(StreamsError::Newer { known: 1, .. }));
        assert!(newer || matches!(refused, Err(StreamsError::Damaged { .. })), "byte {at}: {refused:?}");
        assert_eq!(newer, at == 7);
    }
}

proptest! {
    #[test]
    fn records_are_read_as_written(key in "[a-z/]{1,256}", value: Vec<u8>) {
        prop_assert_eq!(record::decode(&record::encode(&key, &value)), Some((key, value)));
    }

    #[test]
    fn any_bytes_are_decoded_without_panic(bytes: Vec<u8>) {
        let _ = record::decode(&bytes);
        prop_assert!(matches!(decode(&bytes), Err(Unreadable::Damaged(_) | Unreadable::Newer(_))));
    }
}
