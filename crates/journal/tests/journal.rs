//! The journal with its threads, on a real file system and on one that fails.

use std::{
    path::Path,
    sync::{Arc, mpsc::sync_channel},
    time::Duration,
};

use journal::{Batch, Bounds, Durability, Fault, FaultyDisk, Folder, Journal, JournalError, Options};

const SMALL: Options = Options {
    log_bytes: 16 << 10,
    log_bytes_max: 64 << 10,
    move_bytes: 32 << 10,
    segment_bytes: 64 << 10,
    backlog_bytes: 64 << 20,
    reserve_bytes: 0,
    waiting_bytes: 1 << 20,
};

fn open(folder: &Path, options: Options) -> Result<Journal, JournalError> {
    let folder =
        Folder::open(folder).map_err(|source| JournalError::Io { doing: "lock".into(), source: source.into() });
    Journal::open(Arc::new(folder?), options)
}

/// Commits and waits.
fn commit(journal: &Journal, batch: Batch, durability: Durability) -> Result<(), JournalError> {
    let (done, outcome) = sync_channel(1);
    journal.commit(batch, durability, move |result| done.send(result).expect("somebody waits"));
    outcome.recv().expect("every commit is answered")
}

fn created(streams: &[u64]) -> Batch {
    let mut batch = Batch::new();
    streams.iter().for_each(|stream| batch.create(*stream, &stream.to_le_bytes()));
    batch
}

fn append(stream: u64, sequence: u64, bytes: &[u8]) -> Batch {
    let mut batch = Batch::new();
    batch.append(stream, sequence, bytes);
    batch
}

#[test]
fn what_was_written_is_there_when_it_is_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    for durability in [Durability::Always, Durability::Interval(Duration::from_millis(5)), Durability::None] {
        let journal = open(folder.path(), SMALL).unwrap();
        let stream = journal.streams().len() as u64 + 1;
        commit(&journal, created(&[stream]), durability).unwrap();
        commit(&journal, append(stream, 5, b"five"), durability).unwrap();
        commit(&journal, append(stream, 9, b"nine"), durability).unwrap();
        drop(journal);
        let journal = open(folder.path(), SMALL).unwrap();
        assert_eq!(journal.bounds(stream), Some(Bounds { first: 5, last: 9, count: 2, bytes: 8 }));
        assert_eq!(journal.get(stream, 5).unwrap().as_deref(), Some(b"five".as_slice()));
        assert_eq!(journal.get(stream, 6).unwrap(), None);
        assert_eq!(journal.streams().last().unwrap().1, stream.to_le_bytes().as_slice());
    }
}

#[test]
fn batches_that_make_no_sense_are_refused_whole() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path(), SMALL).unwrap();
    commit(&journal, created(&[1]), Durability::Always).unwrap();
    commit(&journal, append(1, 4, b""), Durability::Always).unwrap();
    let mut after_a_good_one = append(1, 5, b"");
    after_a_good_one.append(2, 1, b"");
    let mut twice = append(1, 5, b"");
    twice.append(1, 5, b"");
    for (batch, expected) in [
        (append(1, 4, b""), "the stream 1 is at 4, so 4 cannot follow"),
        (append(1, 0, b""), "a sequence is from 1 to u64::MAX - 1"),
        (append(1, u64::MAX, b""), "a sequence is from 1 to u64::MAX - 1"),
        (append(2, 1, b""), "there is no stream 2"),
        (created(&[3, 1]), "the stream 1 exists already"),
        (after_a_good_one, "there is no stream 2"),
        (twice, "the stream 1 is at 5, so 5 cannot follow"),
        (append(1, 5, &vec![0; journal::BATCH_BYTES_MAX]), "a batch has at most 8388608 bytes"),
    ] {
        let refused = commit(&journal, batch, Durability::Always).unwrap_err();
        assert!(matches!(refused, JournalError::Invalid(_)));
        assert_eq!(refused.to_string(), expected);
    }
    assert_eq!(journal.bounds(1), Some(Bounds { first: 4, last: 4, count: 1, bytes: 0 }));
    assert_eq!(journal.streams().len(), 1);
}

#[test]
fn one_process_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path(), SMALL).unwrap();
    assert_eq!(Folder::open(folder.path()).err().map(|error| error.kind()), Some(std::io::ErrorKind::ResourceBusy));
    drop(journal);
    open(folder.path(), SMALL).unwrap();
}

/// So many records are alive while others are written, moved and removed.
const LIVE: u64 = 60;

/// Readers go on while records are moved and removed; each sees a record as it was written, or not at all.
#[test]
fn readers_see_whole_records_while_others_write_and_move() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path(), SMALL).unwrap();
    commit(&journal, created(&[1, 2]), Durability::Always).unwrap();
    let content = |stream: u64, sequence: u64| vec![(stream + sequence).to_le_bytes()[0]; 300];
    std::thread::scope(|scope| {
        for stream in [1, 2] {
            let journal = &journal;
            scope.spawn(move || {
                for sequence in 1..=3000 {
                    let mut batch = append(stream, sequence, &content(stream, sequence));
                    batch.remove(stream, sequence.saturating_sub(LIVE));
                    let durability = if sequence % 50 == 0 { Durability::Always } else { Durability::None };
                    commit(journal, batch, durability).unwrap();
                }
            });
            scope.spawn(move || {
                let mut seen = 0;
                while seen < 3000 {
                    for record in journal.records(stream, 0) {
                        let (sequence, bytes) = record.unwrap();
                        assert_eq!(bytes, content(stream, sequence));
                        assert!(journal.get(stream, sequence).unwrap().is_none_or(|again| again == bytes));
                        seen = sequence;
                    }
                }
            });
        }
    });
    let bounds = Bounds { first: 3001 - LIVE, last: 3000, count: LIVE, bytes: LIVE * 300 };
    for stream in [1, 2] {
        assert_eq!(journal.bounds(stream), Some(bounds));
        let left: Vec<_> = journal.records(stream, 0).map(|record| record.unwrap().0).collect();
        assert_eq!(left, (3001 - LIVE..=3000).collect::<Vec<_>>());
    }
}

#[test]
fn a_failed_write_or_sync_poisons_until_it_is_opened_anew() {
    // The calls after a commit has begun: a write, a sync.
    for calls in 0..2 {
        let disk = FaultyDisk::new(7);
        let journal = Journal::open(Arc::new(disk.clone()), SMALL).unwrap();
        commit(&journal, created(&[1]), Durability::None).unwrap();
        disk.fail_after(calls, Fault::Call);
        let failed = commit(&journal, append(1, 1, b"x"), Durability::Always);
        assert!(matches!(failed, Err(JournalError::Poisoned(_))), "{calls}: {failed:?}");
        for durability in [Durability::Always, Durability::None] {
            let refused = commit(&journal, append(1, 2, b"y"), durability);
            assert!(matches!(refused, Err(JournalError::Poisoned(_))), "{calls}: {refused:?}");
        }
        drop(journal);
        disk.restart();
        let journal = Journal::open(Arc::new(disk), SMALL).unwrap();
        if journal.streams().is_empty() {
            commit(&journal, created(&[1]), Durability::Always).unwrap();
        }
        commit(&journal, append(1, 3, b"z"), Durability::Always).unwrap();
    }
}

/// Everything that arrives while the writer is busy shares the next sync.
#[test]
fn commits_that_arrive_together_share_a_sync() {
    let disk = FaultyDisk::new(7);
    let journal = Journal::open(Arc::new(disk.clone()), Options { log_bytes: 1 << 20, ..SMALL }).unwrap();
    let (busy, is_busy) = sync_channel(0);
    let (go_on, when_to_go_on) = sync_channel(0);
    journal.commit(created(&[1]), Durability::Always, move |outcome| {
        busy.send(outcome).unwrap();
        when_to_go_on.recv().unwrap();
    });
    is_busy.recv().unwrap().unwrap();
    let before = disk.syncs();
    let (done, outcomes) = sync_channel(1000);
    for sequence in 1..=1000 {
        let done = done.clone();
        journal.commit(append(1, sequence, b"x"), Durability::Always, move |outcome| done.send(outcome).unwrap());
    }
    go_on.send(()).unwrap();
    outcomes.iter().take(1000).for_each(|outcome| outcome.unwrap());
    assert_eq!(disk.syncs() - before, 1);
}

/// More than may wait is refused at once, and not queued.
#[test]
fn what_waits_is_bounded() {
    let disk = FaultyDisk::new(7);
    let journal = Journal::open(Arc::new(disk), Options { waiting_bytes: 100 << 10, ..SMALL }).unwrap();
    let (busy, is_busy) = sync_channel(0);
    let (go_on, when_to_go_on) = sync_channel(0);
    journal.commit(created(&[1]), Durability::Always, move |_| {
        busy.send(()).unwrap();
        when_to_go_on.recv().unwrap();
    });
    is_busy.recv().unwrap();
    let (done, outcomes) = sync_channel(200);
    for sequence in 1..=200 {
        let done = done.clone();
        journal.commit(append(1, sequence, &[0; 900]), Durability::None, move |outcome| done.send(outcome).unwrap());
    }
    assert!(journal.pressure_percent() >= 99, "{}", journal.pressure_percent());
    go_on.send(()).unwrap();
    let refused = outcomes.iter().take(200).filter(|outcome| matches!(outcome, Err(JournalError::Backlog))).count();
    let taken = usize::try_from(journal.bounds(1).unwrap().count).unwrap();
    assert_eq!((taken, refused + taken), (97, 200));
}

/// A sync follows a commit of an interval, without another commit.
#[test]
fn an_interval_ends_with_a_sync() {
    let disk = FaultyDisk::new(7);
    let journal = Journal::open(Arc::new(disk.clone()), SMALL).unwrap();
    commit(&journal, created(&[1]), Durability::Always).unwrap();
    let before = disk.syncs();
    commit(&journal, append(1, 1, b"x"), Durability::Interval(Duration::from_millis(1))).unwrap();
    let is_synced = (0..1000).any(|_| {
        std::thread::sleep(Duration::from_millis(10));
        disk.syncs() > before
    });
    assert!(is_synced);
}
