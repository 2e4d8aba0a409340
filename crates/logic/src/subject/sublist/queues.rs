//! Names of queue groups as numbers, as long as somebody is a member.

use std::collections::HashMap;

#[derive(Debug, Default)]
pub(super) struct Queues {
    numbers: HashMap<Box<[u8]>, Entry>,
    next: u64,
}

#[derive(Debug)]
struct Entry {
    number: u64,
    members: usize,
}

impl Queues {
    /// The number of a name, which gains a member.
    pub(super) fn enter(&mut self, name: &[u8]) -> u64 {
        if let Some(entry) = self.numbers.get_mut(name) {
            entry.members += 1;
            return entry.number;
        }
        self.next += 1;
        self.numbers.insert(name.into(), Entry { number: self.next, members: 1 });
        self.next
    }

    pub(super) fn number(&self, name: &[u8]) -> Option<u64> {
        self.numbers.get(name).map(|entry| entry.number)
    }

    /// A name loses a member.
    pub(super) fn leave(&mut self, name: &[u8]) {
        if let Some(entry) = self.numbers.get_mut(name) {
            entry.members -= 1;
            if entry.members == 0 {
                self.numbers.remove(name);
            }
        }
    }
}
