//! Between which sequences each subject has messages: 46 bytes a subject.

use std::collections::BTreeMap;

/// No message of the subject is earlier than the first; the last is alive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) first: u64,
    pub(super) last: u64,
}

/// The spans by the hashes of the subjects. A tree, for it never stops to grow all at once.
#[derive(Debug, Default)]
pub(super) struct Spans(BTreeMap<u128, Span>);

impl Spans {
    pub(super) fn get(&self, hash: u128) -> Option<Span> {
        self.0.get(&hash).copied()
    }

    /// Adds a message, the last of all; says which was the last of its subject so far, 0 if there was none.
    pub(super) fn insert(&mut self, hash: u128, seq: u64) -> u64 {
        match self.0.get_mut(&hash) {
            Some(span) => std::mem::replace(&mut span.last, seq),
            None => {
                self.0.insert(hash, Span { first: seq, last: seq });
                0
            }
        }
    }

    pub(super) fn set(&mut self, hash: u128, span: Option<Span>) {
        match span {
            Some(span) => drop(self.0.insert(hash, span)),
            None => drop(self.0.remove(&hash)),
        }
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

impl FromIterator<(u128, Span)> for Spans {
    fn from_iter<I: IntoIterator<Item = (u128, Span)>>(spans: I) -> Self {
        Self(spans.into_iter().collect())
    }
}
