//! A sealed block, as it lies in the index: version u8 · rows u32 · subjects u32 · the sequence after which it has all that
//! lived u64 · columns · the subjects' names, in order.
//!
//! Columns of the rows: sequence less the row's number · time · bytes · subject · flags · deadline. Columns of the subjects:
//! end of the name · rows · first row · last row · last message before the block. It is read where it lies: whoever wants one
//! message does not pay for the others.

use std::{cmp::Ordering, sync::Arc};

use bytes::Bytes;
use logic::stream::{Entry, Expires};
use model::Timestamp;

use super::{
    column::Column,
    row::{Asks, Row, Rows, Use},
};

const VERSION: u8 = 1;
const HEADER_BYTES: usize = 17;

const MARKER: u64 = 1;
const NEVER: u64 = 2;
const DEADLINE: u64 = 4;
const ID: u64 = 8;
const SCHEDULE: u64 = 16;

/// A subject and what a block has of it.
pub(super) type Named<'a> = (&'a str, Use);

#[derive(Debug)]
pub(super) struct Block {
    bytes: Bytes,
    /// After this sequence, and up to its last row, no message lived that it has not.
    pub(super) after: u64,
    rows: usize,
    subjects: usize,
    seqs: Column,
    times: Column,
    sizes: Column,
    subject: Column,
    flags: Column,
    deadlines: Column,
    ends: Column,
    counts: Column,
    firsts: Column,
    lasts: Column,
    previous: Column,
    names: usize,
}

/// The bytes of a block. The subjects are in the order of their names, and the numbers of rows and subjects fit.
pub(super) fn encode(after: u64, rows: &[Row], subjects: &[Named<'_>]) -> Vec<u8> {
    let mut to = vec![VERSION];
    for count in [rows.len(), subjects.len()] {
        to.extend_from_slice(&u32::try_from(count).expect("a block is small").to_le_bytes());
    }
    to.extend_from_slice(&after.to_le_bytes());
    Column::put(&mut to, (0..).zip(rows).map(|(at, row): (u64, _)| row.seq - at));
    Column::put(&mut to, rows.iter().map(|row| row.at.0));
    Column::put(&mut to, rows.iter().map(|row| row.bytes.into()));
    Column::put(&mut to, rows.iter().map(|row| row.subject.into()));
    Column::put(&mut to, rows.iter().map(flags));
    Column::put(&mut to, rows.iter().map(|row| if let Expires::At(at) = row.expires { at.0 } else { 0 }));
    let ends = subjects.iter().scan(0, |end, (name, _)| {
        *end += name.len() as u64;
        Some(*end)
    });
    Column::put(&mut to, ends);
    Column::put(&mut to, subjects.iter().map(|(_, used)| used.rows.into()));
    Column::put(&mut to, subjects.iter().map(|(_, used)| used.first as u64));
    Column::put(&mut to, subjects.iter().map(|(_, used)| used.last as u64));
    Column::put(&mut to, subjects.iter().map(|(_, used)| used.previous));
    subjects.iter().for_each(|(name, _)| to.extend_from_slice(name.as_bytes()));
    to
}

fn flags(row: &Row) -> u64 {
    let expiry = match row.expires {
        Expires::ByAge => 0,
        Expires::Never => NEVER,
        Expires::At(_) => DEADLINE,
    };
    let flag = |is_set: bool, flag: u64| if is_set { flag } else { 0 };
    expiry | flag(row.marker, MARKER) | flag(row.asks.has_id, ID) | flag(row.asks.has_schedule, SCHEDULE)
}

impl Block {
    /// `None` if the bytes are no block that this version knows, or an empty one.
    pub(super) fn parse(bytes: Bytes) -> Option<Self> {
        let count = |at: usize| Some(u32::from_le_bytes(bytes.get(at..)?.first_chunk().copied()?) as usize);
        let (rows, subjects) = (count(1)?, count(5)?);
        let after = u64::from_le_bytes(bytes.get(9..)?.first_chunk().copied()?);
        let mut at = HEADER_BYTES;
        let mut of_rows = || Column::take(&bytes, &mut at, rows);
        let [seqs, times, sizes, subject] = [of_rows()?, of_rows()?, of_rows()?, of_rows()?];
        let [flags, deadlines] = [of_rows()?, of_rows()?];
        let mut of_subjects = || Column::take(&bytes, &mut at, subjects);
        let [ends, counts, firsts] = [of_subjects()?, of_subjects()?, of_subjects()?];
        let [lasts, previous] = [of_subjects()?, of_subjects()?];
        let known = bytes[0] == VERSION && rows > 0 && subjects > 0;
        let block = Self {
            after,
            rows,
            subjects,
            seqs,
            times,
            sizes,
            subject,
            flags,
            deadlines,
            ends,
            counts,
            firsts,
            lasts,
            previous,
            names: at,
            bytes,
        };
        (known && at.checked_add(block.end(subjects - 1)) == Some(block.bytes.len())).then_some(block)
    }

    /// What it takes in memory.
    pub(super) fn memory_bytes(&self) -> usize {
        self.bytes.len() + size_of::<Self>()
    }

    /// Whether a message of it has a deadline or a schedule, or an id, if ids count.
    pub(super) fn is_flagged(&self, with_ids: bool) -> bool {
        let wanted = DEADLINE | SCHEDULE | if with_ids { ID } else { 0 };
        let rows = if self.flags.is_constant() { 1 } else { self.rows };
        (0..rows).any(|row| self.flags.get(&self.bytes, row) & wanted != 0)
    }

    /// All bytes of the messages.
    pub(super) fn message_bytes(&self) -> u64 {
        (0..self.rows).map(|row| self.sizes.get(&self.bytes, row)).sum()
    }

    /// Its subjects, in the order of their numbers and names.
    pub(super) fn subjects(&self) -> impl Iterator<Item = Named<'_>> {
        (0..self.subjects).map(|number| (self.text(number), self.of(number)))
    }

    /// What an index has of a subject that has these rows alone.
    pub(super) fn entry(&self, used: &Use) -> Entry {
        Entry { messages: used.rows.into(), first: self.seq(used.first), last: self.seq(used.last) }
    }

    fn end(&self, subject: usize) -> usize {
        usize::try_from(self.ends.get(&self.bytes, subject)).unwrap_or(usize::MAX)
    }

    fn text(&self, subject: usize) -> &str {
        if subject >= self.subjects {
            return "";
        }
        let start = if subject == 0 { 0 } else { self.end(subject - 1) };
        let name = self.bytes[self.names..].get(start..self.end(subject));
        name.and_then(|name| str::from_utf8(name).ok()).unwrap_or_default()
    }

    fn of(&self, number: usize) -> Use {
        let row = |column: &Column| usize::try_from(column.get(&self.bytes, number)).unwrap_or(usize::MAX);
        Use {
            number: u32::try_from(number).unwrap_or(u32::MAX),
            first: row(&self.firsts),
            last: row(&self.lasts),
            rows: u32::try_from(self.counts.get(&self.bytes, number)).unwrap_or(u32::MAX),
            previous: self.previous.get(&self.bytes, number),
        }
    }
}

impl Rows for Block {
    fn rows(&self) -> usize {
        self.rows
    }

    fn seq(&self, row: usize) -> u64 {
        self.seqs.get(&self.bytes, row) + row as u64
    }

    fn at(&self, row: usize) -> Timestamp {
        Timestamp(self.times.get(&self.bytes, row))
    }

    fn subject(&self, row: usize) -> u32 {
        u32::try_from(self.subject.get(&self.bytes, row)).unwrap_or(u32::MAX)
    }

    fn row(&self, row: usize) -> Row {
        let flags = self.flags.get(&self.bytes, row);
        let expires = match (flags & NEVER != 0, flags & DEADLINE != 0) {
            (true, _) => Expires::Never,
            (_, true) => Expires::At(Timestamp(self.deadlines.get(&self.bytes, row))),
            _ => Expires::ByAge,
        };
        Row {
            seq: self.seq(row),
            subject: self.subject(row),
            bytes: u32::try_from(self.sizes.get(&self.bytes, row)).unwrap_or(u32::MAX),
            at: self.at(row),
            expires,
            marker: flags & MARKER != 0,
            asks: Asks { has_id: flags & ID != 0, has_schedule: flags & SCHEDULE != 0 },
        }
    }

    fn name(&self, subject: u32) -> Arc<str> {
        self.text(subject as usize).into()
    }

    fn used(&self, subject: u32) -> Use {
        self.of(subject as usize)
    }

    fn find(&self, subject: &str) -> Option<Use> {
        let (mut from, mut to) = (0, self.subjects);
        while from < to {
            let middle = from + (to - from) / 2;
            match self.text(middle).cmp(subject) {
                Ordering::Less => from = middle + 1,
                Ordering::Greater => to = middle,
                Ordering::Equal => return Some(self.of(middle)),
            }
        }
        None
    }
}
