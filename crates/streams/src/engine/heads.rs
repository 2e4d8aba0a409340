//! What is known of each message of a stream, in memory.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use logic::stream::{Head, Removals, Stored};
use model::Timestamp;

/// The heads of a stream's messages. Its memory grows with the messages, by about 200 bytes each, and counting after a
/// sequence walks them: it is to be replaced by an index on disk.
#[derive(Debug, Default)]
pub(super) struct Heads {
    by_seq: BTreeMap<u64, Head>,
    by_subject: HashMap<Arc<str>, BTreeSet<u64>>,
}

impl Heads {
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

impl Stored for Heads {
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

#[cfg(test)]
mod tests {
    use logic::stream::{Expires, Removed};

    use super::*;

    fn heads() -> Heads {
        let mut heads = Heads::default();
        for (seq, subject, at) in [(1, "a", 10), (2, "b", 10), (4, "a", 30), (7, "a", 70)] {
            let (subject, at) = (subject.into(), Timestamp(at));
            heads.insert(Head { seq, subject, bytes: 1, at, expires: Expires::ByAge, marker: false });
        }
        heads
    }

    #[test]
    fn places() {
        let heads = heads();
        let seq = |head: Option<Head>| head.map_or(0, |head| head.seq);
        for (after, next, next_of_a, last_of_a, all, of_a) in
            [(0, 1, 1, 0, 4, 3), (1, 2, 4, 0, 3, 2), (4, 7, 7, 1, 1, 1), (7, 0, 0, 4, 0, 0), (u64::MAX, 0, 0, 7, 0, 0)]
        {
            let found = (seq(heads.next(after)), seq(heads.next_of("a", after)), seq(heads.last_of("a", after)));
            assert_eq!(found, (next, next_of_a, last_of_a), "{after}");
            assert_eq!((heads.count(None, after), heads.count(Some("a"), after)), (all, of_a), "{after}");
        }
        for (at, expected) in [(0, 1), (10, 1), (11, 4), (30, 4), (31, 7), (71, 0)] {
            assert_eq!(seq(heads.since(Timestamp(at))), expected, "{at}");
        }
        assert_eq!(heads.gaps(8), [3, 5, 6, 8]);
    }

    #[test]
    fn what_goes() {
        let mut heads = heads();
        heads.remove(&Removals { before: Some(3), each: vec![Removed { seq: 7, subject: "a".into() }] });
        assert_eq!((heads.by_seq.into_keys().collect::<Vec<_>>(), heads.by_subject.len()), (vec![4], 1));
    }
}
