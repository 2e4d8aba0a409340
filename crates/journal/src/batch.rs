//! What is written at once: all of a batch, or nothing of it.

use crate::codec::{long, put_bytes, take_bytes, take_long};

const CREATE: u8 = 1;
const DESCRIBE: u8 = 2;
const APPEND: u8 = 3;
const REMOVE: u8 = 4;
const REMOVE_UP_TO: u8 = 5;
const DROP: u8 = 6;

/// Operations on any number of streams that happen together or not at all, in the order given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    /// Each operation: kind u8 · stream u64 · sequence u64 or bytes after their length u32, or both.
    pub(crate) body: Vec<u8>,
    pub(crate) may_use_reserve: bool,
}

/// When a commit is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// After the `fdatasync` that covers it: it survives the loss of power.
    Always,
    /// When it is written; the sync follows within this time. It survives the end of the process, and the loss of power
    /// once this time has passed.
    Interval(std::time::Duration),
    /// When it is written; nobody asks for a sync. It survives the end of the process.
    None,
}

impl Durability {
    /// What keeps this promise and another one.
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Interval(one), Self::Interval(other)) => Self::Interval(one.min(other)),
            (Self::Always, _) | (_, Self::None) => self,
            (_, other) => other,
        }
    }
}

impl Batch {
    /// An empty batch.
    pub fn new() -> Self {
        Self::default()
    }

    /// Marks it as one that may use the reserve when the disk is full: deletes, acknowledgements, and what is needed to
    /// stop and to roll back.
    #[must_use]
    pub fn for_reserve(mut self) -> Self {
        self.may_use_reserve = true;
        self
    }

    /// Makes a stream, which must not exist.
    pub fn create(&mut self, stream: u64, description: &[u8]) {
        self.begin(CREATE, stream);
        put_bytes(&mut self.body, description);
    }

    /// Replaces the description of a stream.
    pub fn describe(&mut self, stream: u64, description: &[u8]) {
        self.begin(DESCRIBE, stream);
        put_bytes(&mut self.body, description);
    }

    /// Appends a record. Its sequence must be greater than every one that the stream ever had; the least
    /// is 1, the greatest one less than `u64::MAX`.
    pub fn append(&mut self, stream: u64, sequence: u64, bytes: &[u8]) {
        self.begin(APPEND, stream);
        self.body.extend_from_slice(&sequence.to_le_bytes());
        put_bytes(&mut self.body, bytes);
    }

    /// Removes a record; nothing happens if there is none.
    pub fn remove(&mut self, stream: u64, sequence: u64) {
        self.begin(REMOVE, stream);
        self.body.extend_from_slice(&sequence.to_le_bytes());
    }

    /// Removes all records up to a sequence, it included.
    pub fn remove_up_to(&mut self, stream: u64, sequence: u64) {
        self.begin(REMOVE_UP_TO, stream);
        self.body.extend_from_slice(&sequence.to_le_bytes());
    }

    /// Removes a stream with all that it holds.
    pub fn drop_stream(&mut self, stream: u64) {
        self.begin(DROP, stream);
    }

    /// Whether it holds no operation.
    pub fn is_empty(&self) -> bool {
        self.body.is_empty()
    }

    fn begin(&mut self, kind: u8, stream: u64) {
        self.body.push(kind);
        self.body.extend_from_slice(&stream.to_le_bytes());
    }
}

/// An operation, as it stands in a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Op<'a> {
    Create(&'a [u8]),
    Describe(&'a [u8]),
    /// The record and where it stands in the batch.
    Append {
        sequence: u64,
        bytes: &'a [u8],
        at: usize,
    },
    /// With where the sequence stands in the batch.
    Remove {
        sequence: u64,
        at: usize,
    },
    RemoveUpTo {
        sequence: u64,
        at: usize,
    },
    Drop,
}

/// The operations with their streams; `None` and the end where the bytes are none.
pub(crate) fn operations(body: &[u8]) -> impl Iterator<Item = Option<(u64, Op<'_>)>> {
    let mut rest = body;
    let mut is_broken = false;
    std::iter::from_fn(move || {
        if rest.is_empty() || is_broken {
            return None;
        }
        let next = take(&mut rest, body.len());
        is_broken = next.is_none();
        Some(next)
    })
}

fn take<'a>(rest: &mut &'a [u8], total: usize) -> Option<(u64, Op<'a>)> {
    let kind = *rest.split_off_first()?;
    let stream = take_long(rest)?;
    let at = total - rest.len();
    let op = match kind {
        CREATE => Op::Create(take_bytes(rest)?),
        DESCRIBE => Op::Describe(take_bytes(rest)?),
        APPEND => {
            let sequence = take_long(rest).filter(|sequence| (1..u64::MAX).contains(sequence))?;
            let bytes = take_bytes(rest)?;
            Op::Append { sequence, bytes, at: total - rest.len() - bytes.len() }
        }
        REMOVE => Op::Remove { sequence: take_long(rest)?, at },
        REMOVE_UP_TO => Op::RemoveUpTo { sequence: take_long(rest)?, at },
        DROP => Op::Drop,
        _ => return None,
    };
    Some((stream, op))
}

/// Changes the sequence that stands at a place of a batch.
pub(crate) fn set_sequence(body: &mut [u8], at: usize, sequence: u64) {
    debug_assert!(long(&body[at..]) >= sequence);
    body[at..at + 8].copy_from_slice(&sequence.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_promises_are_kept_by_the_stronger() {
        let interval = |millis| Durability::Interval(std::time::Duration::from_millis(millis));
        for (one, other, both) in [
            (Durability::Always, Durability::None, Durability::Always),
            (Durability::Always, interval(1), Durability::Always),
            (interval(1), interval(2), interval(1)),
            (interval(1), Durability::None, interval(1)),
            (Durability::None, Durability::None, Durability::None),
        ] {
            assert_eq!((one.and(other), other.and(one)), (both, both));
        }
    }

    #[test]
    fn operations_are_read_as_written() {
        let mut batch = Batch::new();
        batch.create(1, b"one");
        batch.append(1, 7, b"x");
        batch.remove(1, 7);
        batch.remove_up_to(1, 9);
        batch.describe(2, b"");
        batch.drop_stream(3);
        let read: Vec<_> = operations(&batch.body).map(Option::unwrap).collect();
        let expected = [
            (1, Op::Create(b"one")),
            (1, Op::Append { sequence: 7, bytes: b"x", at: 37 }),
            (1, Op::Remove { sequence: 7, at: 47 }),
            (1, Op::RemoveUpTo { sequence: 9, at: 64 }),
            (2, Op::Describe(b"")),
            (3, Op::Drop),
        ];
        assert_eq!(read, expected);
        assert_eq!(batch.body[37], b'x');
        for cut in 1..16 {
            assert_eq!(operations(&batch.body[..cut]).last(), Some(None), "{cut}");
        }
    }
}
