//! Between which sequences each subject has messages: 46 bytes a subject.

use std::collections::{BTreeMap, btree_map::Entry};

use logic::stream::{Expires, Head};

/// No message of the subject is earlier than the first; the last is alive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) first: u64,
    pub(super) last: u64,
    /// The bytes of the last, where that is all that must be known to let it go.
    pub(super) bytes: Option<u32>,
}

/// The spans by the hashes of the subjects. A tree, for it never stops to grow all at once.
#[derive(Debug, Default)]
pub(super) struct Spans(BTreeMap<u128, Packed>);

/// A span in 16 bytes: how far the first is from the last, and the last's bytes. The greatest number is for what is not known.
#[derive(Debug, Clone, Copy)]
struct Packed {
    last: u64,
    length: u32,
    bytes: u32,
}

impl Span {
    /// The bytes of a message that has no deadline of its own.
    pub(super) fn bytes_of(head: &Head) -> Option<u32> {
        let has_deadline = matches!(head.expires, Expires::At(_));
        u32::try_from(head.bytes).ok().filter(|_| !has_deadline)
    }
}

impl From<Span> for Packed {
    fn from(Span { first, last, bytes }: Span) -> Self {
        let length = u32::try_from(last.saturating_sub(first)).unwrap_or(u32::MAX);
        Self { last, length, bytes: bytes.unwrap_or(u32::MAX) }
    }
}

impl From<Packed> for Span {
    fn from(Packed { last, length, bytes }: Packed) -> Self {
        let first = if length == u32::MAX { 1 } else { last - u64::from(length) };
        Self { first, last, bytes: Some(bytes).filter(|bytes| *bytes < u32::MAX) }
    }
}

impl Spans {
    pub(super) fn get(&self, hash: u128) -> Option<Span> {
        self.0.get(&hash).copied().map(Span::from)
    }

    /// Adds a message, the last of all; says which was the last of its subject so far, 0 if there was none.
    pub(super) fn insert(&mut self, hash: u128, head: &Head) -> u64 {
        let (last, bytes) = (head.seq, Span::bytes_of(head));
        match self.0.entry(hash) {
            Entry::Occupied(mut known) => {
                let before = Span::from(*known.get());
                known.insert(Span { last, bytes, ..before }.into());
                before.last
            }
            Entry::Vacant(free) => {
                free.insert(Span { first: last, last, bytes }.into());
                0
            }
        }
    }

    pub(super) fn set(&mut self, hash: u128, span: Option<Span>) {
        match span {
            Some(span) => drop(self.0.insert(hash, span.into())),
            None => drop(self.0.remove(&hash)),
        }
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

impl FromIterator<(u128, Span)> for Spans {
    fn from_iter<I: IntoIterator<Item = (u128, Span)>>(spans: I) -> Self {
        Self(spans.into_iter().map(|(hash, span)| (hash, span.into())).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_not_known() {
        let far = u64::from(u32::MAX) + 7;
        for (span, expected) in [
            (Span { first: 3, last: 9, bytes: Some(5) }, Span { first: 3, last: 9, bytes: Some(5) }),
            (Span { first: 6, last: far, bytes: None }, Span { first: 1, last: far, bytes: None }),
            (Span { first: 8, last: far, bytes: Some(u32::MAX) }, Span { first: 8, last: far, bytes: None }),
        ] {
            let spans: Spans = [(1, span)].into_iter().collect();
            assert_eq!(spans.get(1), Some(expected));
        }
    }
}
