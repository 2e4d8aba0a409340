//! How the state of a consumer lies in the journal.
//!
//! A record is a version u8 · kind u8 · content: the consumer as a whole, or changes since the record before. Numbers are varints
//! (`varint.rs`), times microseconds since 1970.

use logic::consumer::{Change, Pending, Snapshot};
use model::Timestamp;

use super::varint::{put, take};

const VERSION: u8 = 1;
const CHANGES: u8 = 0;
/// Written until first deliveries were remembered.
const SNAPSHOT_WITHOUT_FIRST: u8 = 1;
const SNAPSHOT: u8 = 2;

const DELIVERED: u64 = 0;
const DELIVERED_FOR_GOOD: u64 = 1;
const DELAYED: u64 = 2;
const DONE: u64 = 3;
const DONE_THROUGH: u64 = 4;
const PAUSED: u64 = 5;
const REWOUND: u64 = 6;

/// A record, read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum State {
    Changes(Vec<Change>),
    Snapshot(Snapshot),
}

/// The beginning of a record of changes; [`put_change`] adds them.
pub(super) fn changes() -> Vec<u8> {
    vec![VERSION, CHANGES]
}

pub(super) fn put_change(change: &Change, bytes: &mut Vec<u8>) {
    match *change {
        Change::Delivered { seq, consumer_seq, deliveries, at, due } => {
            let kind = if due.is_some() { DELIVERED } else { DELIVERED_FOR_GOOD };
            put_all(&[kind, seq, consumer_seq, deliveries, at.0], bytes);
            due.into_iter().for_each(|due| put_after(due, at, bytes));
        }
        Change::Delayed { seq, due } => put_all(&[DELAYED, seq, due.0], bytes),
        Change::Done { seq, through } => put_all(&[if through { DONE_THROUGH } else { DONE }, seq], bytes),
        Change::Paused(until) => put_all(&[PAUSED, optional(until)], bytes),
        Change::Rewound(position) => put_all(&[REWOUND, position], bytes),
    }
}

/// The consumer as a whole. Sequences and times are told by what they are more than the one before.
pub(super) fn snapshot(snapshot: &Snapshot) -> Vec<u8> {
    let Snapshot { position, boundary, initial, consumer_seq, stream_seq, last_at, outstanding, paused_until } =
        snapshot;
    let mut bytes = vec![VERSION, SNAPSHOT];
    let times = [optional(*last_at), optional(*paused_until)];
    put_all(&[*position, *boundary, *consumer_seq, *stream_seq, times[0], times[1]], &mut bytes);
    put(initial.len() as u64, &mut bytes);
    let mut last = 0;
    for seq in initial {
        put(seq - last, &mut bytes);
        last = *seq;
    }
    put(outstanding.len() as u64, &mut bytes);
    let mut last = 0;
    for (seq, Pending { consumer_seq, deliveries, first_at, at, due, .. }) in outstanding {
        put_all(&[seq - last, *consumer_seq, *deliveries, at.0], &mut bytes);
        put_after(*due, *at, &mut bytes);
        put_after(*first_at, *at, &mut bytes);
        last = *seq;
    }
    bytes
}

/// Reads a record; `None` if it is none that this version knows.
pub(super) fn read(mut bytes: &[u8]) -> Option<State> {
    let bytes = &mut bytes;
    if *bytes.split_off_first()? != VERSION {
        return None;
    }
    let state = match *bytes.split_off_first()? {
        CHANGES => {
            let mut changes = Vec::new();
            while !bytes.is_empty() {
                changes.push(take_change(bytes)?);
            }
            State::Changes(changes)
        }
        kind @ (SNAPSHOT | SNAPSHOT_WITHOUT_FIRST) => State::Snapshot(take_snapshot(kind == SNAPSHOT, bytes)?),
        _ => return None,
    };
    bytes.is_empty().then_some(state)
}

fn take_change(bytes: &mut &[u8]) -> Option<Change> {
    Some(match take(bytes)? {
        kind @ (DELIVERED | DELIVERED_FOR_GOOD) => {
            let [seq, consumer_seq, deliveries, at] = take_all(bytes)?;
            let at = Timestamp(at);
            let due = if kind == DELIVERED { Some(take_after(at, bytes)?) } else { None };
            Change::Delivered { seq, consumer_seq, deliveries, at, due }
        }
        DELAYED => {
            let [seq, due] = take_all(bytes)?;
            Change::Delayed { seq, due: Timestamp(due) }
        }
        DONE => Change::Done { seq: take(bytes)?, through: false },
        DONE_THROUGH => Change::Done { seq: take(bytes)?, through: true },
        PAUSED => Change::Paused(take_optional(bytes)?),
        REWOUND => Change::Rewound(take(bytes)?),
        _ => return None,
    })
}

/// Where first deliveries are not told, the last ones stand for them.
fn take_snapshot(tells_first: bool, bytes: &mut &[u8]) -> Option<Snapshot> {
    let [position, boundary, consumer_seq, stream_seq] = take_all(bytes)?;
    let (last_at, paused_until) = (take_optional(bytes)?, take_optional(bytes)?);
    let (mut initial, mut last) = (Vec::new(), 0_u64);
    for _ in 0..take(bytes)? {
        last = last.checked_add(take(bytes)?)?;
        initial.push(last);
    }
    let (mut outstanding, mut last) = (Vec::new(), 0_u64);
    for _ in 0..take(bytes)? {
        let [more, consumer_seq, deliveries, at] = take_all(bytes)?;
        let at = Timestamp(at);
        last = last.checked_add(more)?;
        let due = take_after(at, bytes)?;
        let first_at = if tells_first { take_after(at, bytes)? } else { at };
        outstanding.push((last, Pending { consumer_seq, deliveries, first_at, at, due, client: 0 }));
    }
    Some(Snapshot { position, boundary, initial, consumer_seq, stream_seq, last_at, outstanding, paused_until })
}

fn put_all(numbers: &[u64], bytes: &mut Vec<u8>) {
    numbers.iter().for_each(|number| put(*number, bytes));
}

fn take_all<const N: usize>(bytes: &mut &[u8]) -> Option<[u64; N]> {
    let mut numbers = [0; N];
    for number in &mut numbers {
        *number = take(bytes)?;
    }
    Some(numbers)
}

/// A time near another: by its difference, whose lowest bit tells whether it is earlier.
fn put_after(time: Timestamp, other: Timestamp, bytes: &mut Vec<u8>) {
    let (more, less) = (time.0.saturating_sub(other.0), other.0.saturating_sub(time.0));
    put(if less > 0 { less << 1 | 1 } else { more << 1 }, bytes);
}

fn take_after(other: Timestamp, bytes: &mut &[u8]) -> Option<Timestamp> {
    let difference = take(bytes)?;
    let time = match difference & 1 {
        0 => other.0.checked_add(difference >> 1)?,
        _ => other.0.checked_sub(difference >> 1)?,
    };
    Some(Timestamp(time))
}

/// No time is 0, and a time one more than it is.
fn optional(time: Option<Timestamp>) -> u64 {
    time.map_or(0, |time| time.0.saturating_add(1))
}

fn take_optional(bytes: &mut &[u8]) -> Option<Option<Timestamp>> {
    Some(take(bytes)?.checked_sub(1).map(Timestamp))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_read_as_they_were_written() {
        let (at, due) = (Timestamp(1_790_000_000_000_000), Some(Timestamp(1_790_000_030_000_000)));
        let all = [
            Change::Delivered { seq: 7, consumer_seq: 9, deliveries: 2, at, due },
            Change::Delivered { seq: 7, consumer_seq: 9, deliveries: 2, at, due: None },
            Change::Delivered { seq: 8, consumer_seq: 10, deliveries: 1, at, due: Some(Timestamp(5)) },
            Change::Delayed { seq: 7, due: at },
            Change::Done { seq: 7, through: false },
            Change::Done { seq: 8, through: true },
            Change::Paused(Some(at)),
            Change::Paused(None),
            Change::Rewound(3),
        ];
        let mut bytes = changes();
        all.iter().for_each(|change| put_change(change, &mut bytes));
        assert_eq!(read(&bytes), Some(State::Changes(all.to_vec())));
        assert_eq!(read(&bytes[..bytes.len() - 1]), None);
        assert_eq!(read(&changes()), Some(State::Changes(Vec::new())));
        for unknown in [&[2, 0][..], &[1, 3], &[1, 0, 9], &[]] {
            assert_eq!(read(unknown), None, "{unknown:?}");
        }
    }

    #[test]
    fn a_snapshot_is_read_as_it_was_written() {
        let pending = |first_at, at, due| {
            let [first_at, at, due] = [first_at, at, due].map(Timestamp);
            Pending { consumer_seq: 3, deliveries: 1, first_at, at, due, client: 0 }
        };
        let full = Snapshot {
            position: 9,
            boundary: 8,
            initial: vec![2, 3, 8],
            consumer_seq: 4,
            stream_seq: 7,
            last_at: Some(Timestamp(0)),
            outstanding: vec![(1, pending(5, 5, 9)), (6, pending(2, 9, 5))],
            paused_until: Some(Timestamp(11)),
        };
        for expected in [full, Snapshot::default()] {
            let bytes = snapshot(&expected);
            assert!((0..bytes.len()).all(|cut| read(&bytes[..cut]).is_none()));
            assert_eq!(read(&bytes), Some(State::Snapshot(expected)));
        }
    }

    #[test]
    fn a_snapshot_of_an_earlier_version_is_read() {
        // Everything up to the outstanding ones is 0; of these there is one: 6, its consumer sequence 3, delivered twice, at 9, due at 10.
        let bytes = [VERSION, SNAPSHOT_WITHOUT_FIRST, 0, 0, 0, 0, 0, 0, 0, 1, 6, 3, 2, 9, 2];
        let (at, due) = (Timestamp(9), Timestamp(10));
        let pending = Pending { consumer_seq: 3, deliveries: 2, first_at: at, at, due, client: 0 };
        let expected = Snapshot { outstanding: vec![(6, pending)], ..Snapshot::default() };
        assert_eq!(read(&bytes), Some(State::Snapshot(expected)));
    }
}
