//! Opening again: what it relies on is durable first, and nothing that a crash left is taken for more than it is.

use super::rig::{Rig, SMALL};
use crate::{Batch, Fault, FaultyDisk, disk::Disk, frame::frame_bytes, names};

fn append(sequence: u64, byte: u8) -> Batch {
    let mut batch = Batch::new();
    batch.append(1, sequence, &[byte; 400]);
    batch
}

/// A stream with a hundred records, some files of the log full, nothing moved.
fn written(disk: &FaultyDisk) -> Rig {
    let mut rig = Rig::open(disk, &SMALL).unwrap();
    let mut batch = Batch::new();
    batch.create(1, b"one");
    rig.commit(batch).unwrap();
    (1..=100).for_each(|sequence| rig.commit(append(sequence, b'a')).unwrap());
    rig
}

/// A pass of the mover fails in any of its calls; the next life starts from what the host has in memory, and only then the
/// power goes.
#[test]
fn what_opening_relies_on_is_made_durable_before_anything_is_removed() {
    let mut calls = 0;
    while (0..12).filter(|seed| fails_and_loses_nothing(calls, *seed)).count() > 0 {
        calls += 1;
    }
    assert!(calls > 8, "a pass has {calls} calls");
}

/// Whether the call was one of the pass.
fn fails_and_loses_nothing(calls: u32, seed: u64) -> bool {
    let disk = FaultyDisk::new(seed);
    let rig = written(&disk);
    let expected = rig.content().unwrap();
    disk.fail_after(calls, Fault::Call);
    if rig.run_mover().is_ok() {
        return false;
    }
    let again = Rig::open(&disk, &SMALL).unwrap();
    assert_eq!(again.content().unwrap(), expected);
    disk.restart();
    let last = Rig::open(&disk, &SMALL).and_then(|rig| rig.content());
    assert_eq!(last.as_ref().ok(), Some(&expected), "call {calls}, seed {seed}: {last:?}");
    true
}

/// Two batches of one length are not acknowledged; of the first nothing, and of the second everything is on the disk. What is
/// written later, just as long, must not be followed by the second.
#[test]
fn what_a_crash_left_is_never_taken_for_a_batch() {
    let disk = FaultyDisk::new(1);
    let mut rig = Rig::open(&disk, &SMALL).unwrap();
    let mut batch = Batch::new();
    batch.create(1, b"one");
    rig.commit(batch).unwrap();
    let start = usize::try_from(rig.core.state().logs[&1].used).unwrap();
    rig.write([(append(1, b'x'), crate::Durability::None), (append(2, b'y'), crate::Durability::None)]);
    let name = names::log(1);
    let mut content = disk.content(&name).unwrap();
    content[start..start + frame_bytes(append(1, b'x').body.len())].fill(0);
    disk.put(&name, &content);
    let mut rig = Rig::open(&disk, &SMALL).unwrap();
    rig.commit(append(1, b'z')).unwrap();
    let found = Rig::open(&disk, &SMALL).unwrap().content().unwrap();
    assert_eq!(found.0[&1].records, [(1, vec![b'z'; 400])].into());
}

/// The time to open grows with what was not moved: the log that was is not there to be read.
#[test]
fn what_was_moved_is_not_read_again() {
    let disk = FaultyDisk::new(1);
    let rig = written(&disk);
    let logs = || disk.list().unwrap().iter().filter(|name| name.starts_with("log-")).count();
    assert!(logs() > 3, "{}", logs());
    rig.run_mover().unwrap();
    assert_eq!(logs(), 1);
    let again = Rig::open(&disk, &SMALL).unwrap();
    let unmoved = again.core.state().streams[&1].tail.len();
    assert!((1..40).contains(&unmoved), "{unmoved}");
    assert_eq!(again.content().unwrap(), rig.content().unwrap());
}
