//! Whose messages go to which subject: found by the filters that clients subscribe to and unsubscribe from.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
};

use logic::subject::matches;

/// Something that sends to a subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Sender {
    /// A pull request, by its number.
    Request(u64),
    /// A push consumer, by the numbers of its stream and its own.
    Push(u64, u64),
}

/// What sends to each subject.
#[derive(Debug, Default)]
pub(super) struct Listeners(BTreeMap<Box<[u8]>, BTreeSet<Sender>>);

impl Listeners {
    pub(super) fn insert(&mut self, subject: &[u8], sender: Sender) {
        self.0.entry(subject.into()).or_default().insert(sender);
    }

    pub(super) fn remove(&mut self, subject: &[u8], sender: Sender) {
        if let Some(senders) = self.0.get_mut(subject) {
            senders.remove(&sender);
            if senders.is_empty() {
                self.0.remove(subject);
            }
        }
    }

    /// What sends to a subject that a filter matches: costs what lies under the tokens before its first wildcard.
    pub(super) fn touched(&self, filter: &[u8]) -> Vec<(Box<[u8]>, Sender)> {
        let wildcard = filter.split(|byte| *byte == b'.').position(|token| token == b"*" || token == b">");
        let Some(tokens) = wildcard else {
            let senders = self.0.get_key_value(filter).into_iter();
            return senders.flat_map(|(to, all)| all.iter().map(|sender| (to.clone(), *sender))).collect();
        };
        let fixed: usize = filter.split(|byte| *byte == b'.').take(tokens).map(|token| token.len() + 1).sum();
        let prefix = &filter[..fixed];
        let range = self.0.range::<[u8], _>((Bound::Included(prefix), Bound::Unbounded));
        let under = range.take_while(|(to, _)| to.starts_with(prefix)).filter(|(to, _)| matches(filter, to));
        under.flat_map(|(to, all)| all.iter().map(|sender| (to.clone(), *sender))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_filter_touches() {
        let mut listeners = Listeners::default();
        let subjects = ["i.a", "i.a.b", "i.b", "j", "i"];
        subjects.iter().zip(1..).for_each(|(to, id)| listeners.insert(to.as_bytes(), Sender::Request(id)));
        listeners.insert(b"j", Sender::Push(1, 2));
        for (filter, expected) in [
            ("i.a", &[Sender::Request(1)][..]),
            ("i.*", &[Sender::Request(1), Sender::Request(3)]),
            ("i.>", &[Sender::Request(1), Sender::Request(2), Sender::Request(3)]),
            ("*", &[Sender::Request(5), Sender::Request(4), Sender::Push(1, 2)]),
            ("k.>", &[]),
        ] {
            let touched: Vec<_> = listeners.touched(filter.as_bytes()).into_iter().map(|(_, sender)| sender).collect();
            assert_eq!(touched, expected, "{filter}");
        }
        listeners.remove(b"j", Sender::Push(1, 2));
        subjects.iter().zip(1..).for_each(|(to, id)| listeners.remove(to.as_bytes(), Sender::Request(id)));
        assert!(listeners.0.is_empty());
    }
}
