//! Storage in memory, as plain as can be.

use std::collections::BTreeMap;

use model::Timestamp;

use crate::stream::{Head, Placed, Removals, Stored};

/// Heads by sequence.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fake(pub(crate) BTreeMap<u64, Head>);

impl Fake {
    /// Carries a decision out.
    pub(crate) fn place(&mut self, placed: &Placed) {
        self.remove(&placed.removals);
        if placed.kept {
            let Placed { seq, bytes, at, expires, .. } = *placed;
            self.0.insert(seq, Head { seq, subject: placed.subject.clone(), bytes, at, expires, marker: false });
        }
    }

    pub(crate) fn place_marker(&mut self, placed: &Placed) {
        self.place(placed);
        self.0.entry(placed.seq).and_modify(|head| head.marker = true);
    }

    pub(crate) fn remove(&mut self, removals: &Removals) {
        if let Some(before) = removals.before {
            self.0 = self.0.split_off(&before);
        }
        removals.each.iter().for_each(|removed| drop(self.0.remove(&removed.seq)));
    }

    fn of<'a>(&'a self, subject: &'a str) -> impl DoubleEndedIterator<Item = &'a Head> {
        self.0.values().filter(move |head| *head.subject == *subject)
    }
}

impl Stored for Fake {
    fn next(&self, after: u64) -> Option<Head> {
        self.0.range(after.checked_add(1)?..).next().map(|(_, head)| head.clone())
    }

    fn next_of(&self, subject: &str, after: u64) -> Option<Head> {
        self.of(subject).find(|head| head.seq > after).cloned()
    }

    fn last_of(&self, subject: &str, before: u64) -> Option<Head> {
        self.of(subject).rev().find(|head| head.seq < before).cloned()
    }

    fn count(&self, subject: Option<&str>, after: u64) -> u64 {
        let heads = self.0.values().filter(|head| head.seq > after);
        heads.filter(|head| subject.is_none_or(|subject| *head.subject == *subject)).count() as u64
    }

    fn since(&self, at: Timestamp) -> Option<Head> {
        self.0.values().find(|head| head.at >= at).cloned()
    }
}
