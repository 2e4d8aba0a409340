//! Bits that flip on the disk are an error that names the place, and never other content.

use super::rig::{Rig, SMALL};
use crate::{Batch, Durability, FaultyDisk, JournalError};

/// Two streams with records in segments and in the log; all is synced and marked.
fn written() -> FaultyDisk {
    let disk = FaultyDisk::new(1);
    let mut rig = Rig::open(&disk, &SMALL).unwrap();
    let mut batch = Batch::new();
    batch.create(1, b"one");
    batch.create(2, b"two");
    rig.commit(batch).unwrap();
    for sequence in 1..=100_u64 {
        let mut batch = Batch::new();
        batch.append(1, sequence, &[b'a'; 150]);
        batch.append(2, sequence, &sequence.to_le_bytes());
        rig.commit(batch).unwrap();
    }
    rig.run_mover().unwrap();
    rig.writer.mark();
    disk
}

#[test]
fn any_flipped_bit_is_an_error_or_changes_nothing() {
    let disk = written();
    let whole = Rig::open(&disk, &SMALL).unwrap().content().unwrap();
    let mut random = fastrand::Rng::with_seed(5);
    for (name, prefix) in [("catalogue", "catalogue"), ("log", "log-"), ("segment", "segment-")] {
        let names = crate::disk::Disk::list(&disk).unwrap();
        for file in names.iter().filter(|file| file.starts_with(prefix)) {
            let content = disk.content(file).unwrap();
            for _ in 0..400 {
                let mut flipped = content.clone();
                let at = random.usize(..content.len());
                flipped[at] ^= 1 << random.u8(..8);
                disk.put(file, &flipped);
                let found = Rig::open(&disk, &SMALL).and_then(|rig| rig.content());
                match found {
                    Ok(found) => assert_eq!(found, whole, "{name} byte {at}"),
                    Err(JournalError::Damaged { file: named, .. }) => assert_eq!(&named, file, "byte {at}"),
                    Err(JournalError::Newer { file: named, .. }) => assert_eq!((&named, at), (file, 7)),
                    Err(other) => panic!("{name} byte {at}: {other}"),
                }
                // Opening may have cleared what it took for a torn end.
                disk.put(file, &content);
            }
        }
    }
}

#[test]
fn damage_to_a_segment_makes_its_stream_read_only_and_no_other() {
    let disk = written();
    let rig = Rig::open(&disk, &SMALL).unwrap();
    let number = rig.core.state().streams[&1].segments[0].body.number;
    let name = crate::names::segment(number);
    let mut content = disk.content(&name).unwrap();
    content[100] ^= 1;
    disk.put(&name, &content);
    let mut rig = Rig::open(&disk, &SMALL).unwrap();
    let read = crate::read::get(&rig.core, 1, 1);
    assert!(matches!(&read, Err(JournalError::Damaged { file, offset: 32, .. }) if *file == name), "{read:?}");
    let append = |stream: u64| {
        let mut batch = Batch::new();
        batch.append(stream, 101, b"x");
        batch
    };
    let outcomes = rig.write([(append(1), Durability::Always), (append(2), Durability::Always)]);
    assert!(matches!(&outcomes[0], Err(JournalError::Damaged { file, .. }) if *file == name), "{outcomes:?}");
    assert!(outcomes[1].is_ok());
    assert_eq!(crate::read::get(&rig.core, 2, 101).unwrap().as_deref(), Some(b"x".as_slice()));
    let mut batch = Batch::new();
    batch.drop_stream(1);
    rig.commit(batch).unwrap();
    let mut batch = Batch::new();
    batch.create(1, b"anew");
    batch.append(1, 1, b"y");
    rig.commit(batch).unwrap();
    rig.run_mover().unwrap();
    assert_eq!(disk.content(&name), None, "what was dropped is gone from the disk");
}

#[test]
fn what_is_missing_is_named() {
    for prefix in ["catalogue", "log-", "segment-"] {
        let disk = written();
        let names = crate::disk::Disk::list(&disk).unwrap();
        let name = names.iter().find(|name| name.starts_with(prefix)).unwrap();
        crate::disk::Disk::remove(&disk, name).unwrap();
        let found = Rig::open(&disk, &SMALL).and_then(|rig| rig.content());
        assert!(matches!(&found, Err(JournalError::Damaged { file, .. }) if file == name), "{name}: {found:?}");
    }
}

#[test]
fn a_newer_file_is_refused() {
    for prefix in ["catalogue", "log-", "segment-"] {
        let disk = written();
        let names = crate::disk::Disk::list(&disk).unwrap();
        let name = names.iter().find(|name| name.starts_with(prefix)).unwrap();
        let mut content = disk.content(name).unwrap();
        content[7] += 1;
        disk.put(name, &content);
        let refused = Rig::open(&disk, &SMALL).err();
        let expected = format!("{name} has format 2; this Isles knows formats up to 1");
        assert_eq!(refused.map(|error| error.to_string()), Some(expected));
    }
}
