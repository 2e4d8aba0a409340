//! The heads of all messages in memory, as plainly as can be.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use logic::stream::{Head, Removals, Stored};
use model::Timestamp;

#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Model {
    by_seq: BTreeMap<u64, Head>,
    by_subject: HashMap<Arc<str>, BTreeSet<u64>>,
}

impl Model {
    pub(super) fn insert(&mut self, head: Head) {
        self.by_subject.entry(head.subject.clone()).or_default().insert(head.seq);
        self.by_seq.insert(head.seq, head);
    }

    pub(super) fn remove(&mut self, removals: &Removals) {
        if let Some(before) = removals.before {
            let kept = self.by_seq.split_off(&before);
            let gone = std::mem::replace(&mut self.by_seq, kept);
            gone.values().for_each(|head| self.forget(head));
        }
        for removed in &removals.each {
            if let Some(head) = self.by_seq.remove(&removed.seq) {
                self.forget(&head);
            }
        }
    }

    /// The sequences between the first message and `last` that have none.
    pub(super) fn gaps(&self, last: u64) -> Vec<u64> {
        let first = self.by_seq.first_key_value().map_or(last + 1, |(seq, _)| *seq);
        (first..=last).filter(|seq| !self.by_seq.contains_key(seq)).collect()
    }

    fn forget(&mut self, head: &Head) {
        if let Some(seqs) = self.by_subject.get_mut(&head.subject) {
            seqs.remove(&head.seq);
            if seqs.is_empty() {
                self.by_subject.remove(&head.subject);
            }
        }
    }

    fn head(&self, seq: u64) -> Option<Head> {
        self.by_seq.get(&seq).cloned()
    }
}

impl Stored for Model {
    fn next(&self, after: u64) -> Option<Head> {
        self.by_seq.range(after.checked_add(1)?..).next().map(|(_, head)| head.clone())
    }

    fn next_of(&self, subject: &str, after: u64) -> Option<Head> {
        let seq = self.by_subject.get(subject)?.range(after.checked_add(1)?..).next()?;
        self.head(*seq)
    }

    fn last_of(&self, subject: &str, before: u64) -> Option<Head> {
        let seq = self.by_subject.get(subject)?.range(..before).next_back()?;
        self.head(*seq)
    }

    fn count(&self, subject: Option<&str>, after: u64) -> u64 {
        let Some(from) = after.checked_add(1) else { return 0 };
        let count = match subject {
            None if after == 0 => self.by_seq.len(),
            None => self.by_seq.range(from..).count(),
            Some(subject) => self.by_subject.get(subject).map_or(0, |seqs| seqs.range(from..).count()),
        };
        count as u64
    }

    /// Times never go back from one message to the next, so the place is found by halving.
    fn since(&self, at: Timestamp) -> Option<Head> {
        let (mut from, mut to) = (0, self.by_seq.last_key_value().map(|(seq, _)| seq + 1)?);
        while from < to {
            let middle = from + (to - from) / 2;
            match self.by_seq.range(middle..).next() {
                Some((seq, head)) if head.at < at => from = seq + 1,
                _ => to = middle,
            }
        }
        self.by_seq.range(from..).next().map(|(_, head)| head.clone())
    }
}
