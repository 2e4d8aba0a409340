//! A full disk, the reserve, and the bound of the log.

use std::sync::Arc;

use super::rig::{Rig, SMALL};
use crate::{Batch, Bounds, FaultyDisk, Journal, JournalError, Options};

const RESERVED: Options = Options { reserve_bytes: 2 << 20, ..SMALL };

fn append(sequence: u64) -> Batch {
    let mut batch = Batch::new();
    batch.append(1, sequence, &[b'x'; 1000]);
    batch
}

fn remove_up_to(sequence: u64) -> Batch {
    let mut batch = Batch::new();
    batch.remove_up_to(1, sequence);
    batch.for_reserve()
}

fn created(disk: &FaultyDisk, options: &Options) -> Rig {
    let mut rig = Rig::open(disk, options).unwrap();
    let mut batch = Batch::new();
    batch.create(1, b"");
    rig.commit(batch).unwrap();
    rig
}

/// Appends until it is refused; says how often it was not, and why it was.
fn fill(rig: &mut Rig, from: u64) -> (u64, JournalError) {
    let mut sequence = from;
    loop {
        match rig.commit(append(sequence)) {
            Ok(()) => sequence += 1,
            Err(refused) => return (sequence - 1, refused),
        }
    }
}

#[test]
fn a_full_disk_can_be_emptied_and_then_goes_on_by_itself() {
    let disk = FaultyDisk::new(3);
    let mut rig = created(&disk, &RESERVED);
    disk.set_bytes_max(disk.used_bytes() + (200 << 10));
    let (last, refused) = fill(&mut rig, 1);
    assert!(matches!(refused, JournalError::Full), "{refused}");
    assert!(last > 100, "{last}");
    assert!(matches!(rig.run_mover(), Err(JournalError::Full)));
    let held = Bounds { first: 1, last, count: last, bytes: last * 1000 };
    assert_eq!(rig.core.state().streams[&1].bounds(), held);
    assert_eq!(crate::read::get(&rig.core, 1, 7).unwrap().as_deref(), Some([b'x'; 1000].as_slice()));
    // Many deletes fit, although none of the ordinary file is left.
    for sequence in 1..last {
        rig.commit(remove_up_to(sequence)).unwrap();
    }
    assert!(matches!(rig.commit(append(last + 1)), Err(JournalError::Full)));
    rig.run_mover().unwrap();
    rig.commit(append(last + 1)).unwrap();
    rig.run_mover().unwrap();
    assert_eq!(
        disk.content("reserve-0000000000000000").map(|content| content.len()),
        Some(1 << 20),
        "it is whole again"
    );
    let again = Rig::open(&disk, &RESERVED).unwrap();
    assert_eq!(again.core.state().streams[&1].bounds(), Bounds { first: last, last: last + 1, count: 2, bytes: 2000 });
}

#[test]
fn space_that_comes_back_from_elsewhere_is_taken_without_being_told() {
    let disk = FaultyDisk::new(3);
    let mut rig = created(&disk, &RESERVED);
    disk.set_bytes_max(disk.used_bytes() + (50 << 10));
    let (last, _) = fill(&mut rig, 1);
    disk.set_bytes_max(u64::MAX);
    rig.commit(append(last + 1)).unwrap();
}

#[test]
fn a_full_disk_can_be_opened() {
    let disk = FaultyDisk::new(3);
    let mut rig = created(&disk, &RESERVED);
    disk.set_bytes_max(disk.used_bytes() + (50 << 10));
    let (last, _) = fill(&mut rig, 1);
    disk.restart();
    let mut again = Rig::open(&disk, &RESERVED).unwrap();
    assert!(matches!(again.commit(append(last + 1)), Err(JournalError::Full)));
    again.commit(remove_up_to(last)).unwrap();
}

#[test]
fn a_log_that_is_not_moved_is_bounded_and_leaves_room_for_deletes() {
    let disk = FaultyDisk::new(3);
    let options = Options { backlog_bytes: 64 << 10, ..RESERVED };
    let mut rig = created(&disk, &options);
    let (last, refused) = fill(&mut rig, 1);
    assert!(matches!(refused, JournalError::Backlog), "{refused}");
    assert!((50..64).contains(&last), "{last}");
    rig.commit(remove_up_to(1)).unwrap();
    rig.run_mover().unwrap();
    rig.commit(append(last + 1)).unwrap();
}

/// A stream that gets a record now and then has some in every file of the log.
#[test]
fn a_slow_stream_does_not_pin_the_log_for_others() {
    let disk = FaultyDisk::new(3);
    let mut rig = created(&disk, &SMALL);
    let mut batch = Batch::new();
    batch.create(2, b"slow");
    rig.commit(batch).unwrap();
    for sequence in 1..=1000 {
        let mut batch = append(sequence);
        if sequence.is_multiple_of(10) {
            batch.append(2, sequence, b"now and then");
        }
        rig.commit(batch).unwrap();
        if sequence.is_multiple_of(50) {
            rig.run_mover().unwrap();
            let logs = rig.core.state().logs.len();
            assert_eq!(logs, 1, "after {sequence}");
        }
    }
    let again = Rig::open(&disk, &SMALL).unwrap();
    assert_eq!(again.core.state().streams[&2].bounds().count, 100);
}

#[test]
fn removed_records_free_their_space() {
    let disk = FaultyDisk::new(3);
    let mut rig = created(&disk, &SMALL);
    let mut write = |sequence: u64, removed: Option<u64>| {
        let mut batch = append(sequence);
        removed.into_iter().for_each(|removed| batch.remove(1, removed));
        rig.commit(batch).unwrap();
        if sequence.is_multiple_of(10) {
            rig.run_mover().unwrap();
        }
    };
    // A queue: the oldest goes. Then all but every tenth go, the way that keys are overwritten.
    (1..=1000).for_each(|sequence| write(sequence, sequence.checked_sub(20)));
    assert!(disk.used_bytes() < 200 << 10, "{}", disk.used_bytes());
    (1001..=3000).for_each(|sequence| write(sequence, (sequence % 10 > 0).then(|| sequence - 1)));
    let live = rig.core.state().streams[&1].bounds();
    assert!(disk.used_bytes() < live.bytes * 3, "{} for {live:?}", disk.used_bytes());
    let segments = rig.core.state().streams[&1].segments.len() as u64;
    assert!(segments < 3 + 3 * live.bytes / SMALL.segment_bytes, "{segments} segments");
}

#[test]
fn a_larger_reserve_takes_the_place_of_the_one_that_is_there_and_stays() {
    let disk = FaultyDisk::new(3);
    for (bytes, steps, step) in [(0, 0, 0), (2 << 20, 2, 1 << 20), (24 << 20, 8, 3 << 20), (3 << 20, 8, 3 << 20)] {
        drop(Rig::open(&disk, &Options { reserve_bytes: bytes, ..SMALL }).unwrap());
        assert_eq!(reserve(&disk), vec![step; steps], "{bytes}");
    }
}

/// The lengths of its steps.
fn reserve(disk: &FaultyDisk) -> Vec<usize> {
    let length = |number: u64| disk.content(&crate::names::reserve(number)).map(|content| content.len());
    (0..10).filter_map(length).collect()
}

#[test]
fn a_reserve_is_enlarged_while_the_journal_is_open() {
    const LARGE: u64 = 24 << 20;
    let disk = FaultyDisk::new(3);
    let journal = Journal::open(Arc::new(disk.clone()), RESERVED).unwrap();
    for (room, expected) in [(1, vec![1 << 20; 2]), (7, vec![3 << 20; 3])] {
        disk.set_bytes_max(disk.used_bytes() + (room << 20));
        journal.enlarge_reserve(LARGE).unwrap();
        assert_eq!(reserve(&disk), expected, "{room}");
    }
    disk.set_bytes_max(u64::MAX);
    drop(journal);
    let journal = Journal::open(Arc::new(disk.clone()), RESERVED).unwrap();
    for bytes in [LARGE, 1 << 20] {
        journal.enlarge_reserve(bytes).unwrap();
        assert_eq!(reserve(&disk), vec![3 << 20; 8]);
    }
}
