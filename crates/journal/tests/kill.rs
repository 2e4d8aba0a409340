//! `kill -9` at any moment, on a real file system: what the journal acknowledged is there, and no batch by half.

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Arc, mpsc::sync_channel},
};

use journal::{Batch, Durability, Folder, Journal, JournalError, Options};

const ROUNDS: u64 = 25;
/// Batches in flight.
const IN_FLIGHT: u64 = 64;
/// Records that live in a stream.
const LIVE: u64 = 500;
/// The test runs itself as the program that is killed, with this and the folder as arguments.
const PROGRAM: &str = "--program";

fn main() {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    match &arguments[..] {
        [first, folder] if first == PROGRAM => program(Path::new(folder)),
        _ => killed_at_any_moment_nothing_acknowledged_is_lost(),
    }
}

fn options() -> Options {
    Options {
        log_bytes: 32 << 10,
        log_bytes_max: 128 << 10,
        move_bytes: 64 << 10,
        segment_bytes: 64 << 10,
        reserve_bytes: 1 << 20,
        ..Options::default()
    }
}

fn open(folder: &Path) -> Journal {
    Journal::open(Arc::new(Folder::open(folder).expect("the folder is free")), options()).expect("it is whole")
}

/// Batch n: n to both streams, with content that tells it, and what is too old goes.
fn batch(sequence: u64) -> Batch {
    let mut batch = Batch::new();
    batch.append(1, sequence, &content(sequence));
    batch.append(2, sequence, &sequence.to_le_bytes());
    if sequence > LIVE {
        batch.remove_up_to(1, sequence - LIVE);
        batch.remove(2, sequence - LIVE);
    }
    batch
}

fn content(sequence: u64) -> Vec<u8> {
    let [low, high, ..] = sequence.to_le_bytes();
    vec![low; 8 + usize::from(high) + usize::from(low % 16) * 20]
}

fn killed_at_any_moment_nothing_acknowledged_is_lost() {
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let mut last = 0;
    for round in 0..ROUNDS {
        let mut child = start(folder.path());
        let said = BufReader::new(child.stdout.take().expect("it is piped"));
        // Killed after some acknowledgements: the round is the moment.
        let acknowledged = acknowledged(said, &mut child, last + round * round * 3);
        last = check(folder.path(), acknowledged.max(last));
    }
    assert!(last > ROUNDS * IN_FLIGHT, "{last}");
}

fn start(folder: &Path) -> Child {
    let test = std::env::current_exe().expect("a test knows its program");
    let mut command = Command::new(test);
    command
        .arg(PROGRAM)
        .arg(folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("it can be started again")
}

/// Kills the program when it has acknowledged so much; says how much it had in the end.
fn acknowledged(said: impl BufRead, child: &mut Child, kill_after: u64) -> u64 {
    let mut acknowledged = 0;
    for line in said.lines() {
        let Ok(line) = line else { break };
        let Some(sequence) = line.strip_prefix("ack ") else { continue };
        acknowledged = sequence.parse().expect("it says a number");
        if acknowledged > kill_after {
            let _ = child.kill();
        }
    }
    child.wait().expect("it was started");
    acknowledged
}

/// The streams go to the same batch, which is at least the last acknowledged; says which.
fn check(folder: &Path, acknowledged: u64) -> u64 {
    let journal = open(folder);
    let last = journal.bounds(1).map_or(0, |bounds| bounds.last);
    assert!(last >= acknowledged, "{last} of {acknowledged}");
    for stream in [1, 2] {
        let sequences = journal.records(stream, 0).map(|record| {
            let (sequence, bytes) = record.expect("nothing is damaged");
            let expected = if stream == 1 { content(sequence) } else { sequence.to_le_bytes().into() };
            assert_eq!(bytes, expected, "stream {stream}, record {sequence}");
            sequence
        });
        let expected: Vec<_> = (last.saturating_sub(LIVE) + 1..=last).collect();
        assert_eq!(sequences.collect::<Vec<_>>(), expected, "stream {stream}");
    }
    last
}

/// Writes for ever, many at a time, and says what is durable.
fn program(folder: &Path) {
    let journal = open(folder);
    if journal.streams().is_empty() {
        let mut batch = Batch::new();
        batch.create(1, b"one");
        batch.create(2, b"two");
        let (created, when_created) = sync_channel(1);
        journal.commit(batch, Durability::Always, move |outcome| created.send(outcome).expect("it is waited for"));
        when_created.recv().expect("it is answered").expect("it is written");
    }
    let (acknowledge, acknowledged) = sync_channel::<(u64, Result<(), JournalError>)>(128);
    let mut next = journal.bounds(1).map_or(0, |bounds| bounds.last) + 1;
    let mut send = |journal: &Journal| {
        let (sequence, acknowledge) = (next, acknowledge.clone());
        let done = move |outcome| acknowledge.send((sequence, outcome)).expect("it is waited for");
        journal.commit(batch(sequence), Durability::Always, done);
        next += 1;
    };
    (0..IN_FLIGHT).for_each(|_| send(&journal));
    let mut out = std::io::stdout();
    for (sequence, outcome) in acknowledged {
        outcome.expect("it is written");
        if writeln!(out, "ack {sequence}").is_err() {
            return;
        }
        send(&journal);
    }
}
