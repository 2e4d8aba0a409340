//! What the blocks of an index come to together.

use std::collections::HashMap;

use logic::stream::Entry;
use model::Timestamp;

use super::{
    block::Block,
    part::Part,
    row::{Row, Rows as _},
    sealed::Sealed,
};

#[derive(Default)]
pub(in crate::engine) struct Sums {
    pub(in crate::engine) subjects: HashMap<Box<str>, Entry>,
    pub(in crate::engine) messages: u64,
    pub(in crate::engine) bytes: u64,
    /// Blocks with messages that a stream must know beyond what is summed here.
    pub(in crate::engine) flagged: Vec<u64>,
    /// Ids of messages from before are of no interest.
    pub(super) remembered: Timestamp,
}

impl Sums {
    /// Adds what is alive of a block.
    pub(super) fn add(&mut self, sealed: &Sealed, block: &Block) {
        if block.is_flagged(sealed.last_at >= self.remembered) {
            self.flagged.push(sealed.number);
        }
        self.messages += u64::from(sealed.live);
        if sealed.dead.is_empty() {
            self.bytes += block.message_bytes();
            block.subjects().for_each(|(name, used)| self.merge(name, block.entry(&used)));
        } else {
            self.add_living(&Part { rows: block, dead: &sealed.dead }, block);
        }
    }

    fn add_living(&mut self, part: &Part<'_>, block: &Block) {
        let mut entries: HashMap<u32, Entry> = HashMap::new();
        for row in part.live() {
            let Row { seq, subject, bytes, .. } = block.row(row);
            self.bytes += u64::from(bytes);
            let entry = entries.entry(subject).or_insert(Entry { messages: 0, first: seq, last: seq });
            (entry.messages, entry.last) = (entry.messages + 1, seq);
        }
        entries.iter().for_each(|(subject, entry)| self.merge(&block.name(*subject), *entry));
    }

    fn merge(&mut self, name: &str, Entry { messages, first, last }: Entry) {
        match self.subjects.get_mut(name) {
            Some(entry) => {
                entry.messages += messages;
                (entry.first, entry.last) = (entry.first.min(first), entry.last.max(last));
            }
            None => drop(self.subjects.insert(name.into(), Entry { messages, first, last })),
        }
    }
}
