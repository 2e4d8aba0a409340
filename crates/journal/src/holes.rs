//! Which records of a segment are removed: a bit each, kept only where some are.

use std::collections::BTreeMap;

/// A set of sequences; memory grows with stretches of 64 sequences that have one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Holes(BTreeMap<u64, u64>);

impl Holes {
    pub(crate) fn contains(&self, sequence: u64) -> bool {
        self.0.get(&(sequence >> 6)).is_some_and(|bits| bits & bit(sequence) != 0)
    }

    pub(crate) fn insert(&mut self, sequence: u64) {
        *self.0.entry(sequence >> 6).or_default() |= bit(sequence);
    }

    /// Forgets what lies so far below a sequence that it shares no word with it.
    pub(crate) fn forget_below(&mut self, sequence: u64) {
        self.0 = self.0.split_off(&(sequence >> 6));
    }

    /// The set as words: number and bits.
    pub(crate) fn words(&self) -> impl ExactSizeIterator<Item = (u64, u64)> {
        self.0.iter().map(|(word, bits)| (*word, *bits))
    }

    pub(crate) fn put_word(&mut self, word: u64, bits: u64) {
        self.0.insert(word, bits);
    }
}

fn bit(sequence: u64) -> u64 {
    1 << (sequence & 63)
}
