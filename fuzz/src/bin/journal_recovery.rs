//! Arbitrary bytes as the files of a journal: opening and reading them never panics, never takes memory beyond what the files
//! could hold, and a journal that opens goes on working.
//!
//! An input is files one after the other: kind u8 · number u8 · length u16, little-endian · bytes. Unless the kind's high bit
//! is set, checksums in the bytes are put right first, so that what lies behind them is reached.

#![no_main]

use std::sync::{Arc, mpsc::sync_channel};

use journal::{Batch, Durability, FaultyDisk, Journal, JournalError, Options, repair};
use libfuzzer_sys::fuzz_target;

const NAMES: [&str; 4] = ["log", "segment", "catalogue", "reserve"];
const OPTIONS: Options = Options {
    log_bytes: 4 << 10,
    log_bytes_max: 16 << 10,
    move_bytes: 8 << 10,
    segment_bytes: 16 << 10,
    backlog_bytes: 1 << 20,
    reserve_bytes: 0,
    waiting_bytes: 1 << 20,
};

fuzz_target!(|input: &[u8]| {
    let disk = FaultyDisk::new(1);
    let mut rest = input;
    while let Some((name, content)) = file(&mut rest) {
        disk.put(&name, &content);
    }
    match Journal::open(Arc::new(disk.clone()), OPTIONS) {
        Ok(journal) => work(journal, &disk),
        Err(JournalError::Damaged { .. } | JournalError::Newer { .. }) => {}
        Err(other) => panic!("{other}"),
    }
});

fn file(rest: &mut &[u8]) -> Option<(String, Vec<u8>)> {
    let [kind, number, low, high] = *rest.split_off(..4)?.first_chunk()?;
    let length = usize::from(u16::from_le_bytes([low, high])).min(rest.len());
    let mut content = rest.split_off(..length)?.to_vec();
    let name = NAMES[usize::from(kind & 3)];
    let name = if name == "catalogue" { name.into() } else { format!("{name}-{number:016x}") };
    if kind & 0x80 == 0 {
        repair(&name, &mut content);
    }
    Some((name, content))
}

/// Reads all, writes something, and finds it again.
fn work(journal: Journal, disk: &FaultyDisk) {
    let streams = journal.streams();
    for (stream, _) in &streams {
        let mut records = journal.records(*stream, 0);
        let last = records.by_ref().map_while(Result::ok).map(|(sequence, _)| sequence).reduce(|last, next| {
            assert!(last < next, "sequences ascend");
            next
        });
        last.into_iter().for_each(|last| _ = journal.get(*stream, last));
    }
    let stream = (1..).find(|number| !streams.iter().any(|(stream, _)| stream == number)).expect("some are free");
    let mut batch = Batch::new();
    batch.create(stream, b"new");
    batch.append(stream, 1, b"record");
    let (done, outcome) = sync_channel(1);
    journal.commit(batch, Durability::Always, move |result| done.send(result).expect("it is waited for"));
    outcome.recv().expect("it is answered").expect("the disk does not fail");
    drop(journal);
    let journal = Journal::open(Arc::new(disk.clone()), OPTIONS).expect("what was written can be opened");
    assert_eq!(journal.get(stream, 1).expect("it can be read").as_deref(), Some(&b"record"[..]));
}
