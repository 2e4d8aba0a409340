//! Finding the next messages of a filter.

use std::{cmp::Reverse, collections::BinaryHeap, sync::Arc};

use super::{
    Head, Index, Stored,
    index::{is_wild, wants},
};

/// Messages that one search looks at, at most.
const STEPS_MAX: u64 = 1 << 16;

/// What is searched for.
#[derive(Debug, Clone, Copy)]
pub struct Search<'a> {
    /// Subjects; none for all.
    pub filters: &'a [Box<str>],
    /// Only after this sequence.
    pub after: u64,
    /// How many at most.
    pub limit: usize,
    /// How many there are; chooses the cheaper way.
    pub pending: u64,
}

/// Puts the first messages of the search into `found`, in order. Everything up to the sequence that it returns has been
/// looked at: the search is complete if that is the stream's last.
///
/// It goes from message to message where many of them match, and from subject to subject where few do.
pub fn scan(search: Search<'_>, last: u64, index: &Index, stored: &dyn Stored, found: &mut Vec<Head>) -> u64 {
    if search.pending == 0 {
        return last;
    }
    match subjects(search, index, stored) {
        Some(subjects) => merge(search, last, &subjects, stored, found),
        None => walk(search, last, stored, found),
    }
}

/// The subjects to merge, if that is cheaper than to walk.
fn subjects(search: Search<'_>, index: &Index, stored: &dyn Stored) -> Option<Vec<Arc<str>>> {
    if search.filters.is_empty() {
        return None;
    }
    let limit = u64::try_from(search.limit).unwrap_or(u64::MAX).min(search.pending);
    let walk = stored.count(None, search.after).saturating_mul(limit) / search.pending;
    let affordable = usize::try_from(walk).unwrap_or(usize::MAX);
    let mut subjects: Vec<Arc<str>> = Vec::new();
    let (mut visited, mut fits) = (0, true);
    index.visit_all(search.filters, &mut |subject, entry| {
        // A subject whose messages all lie before costs a look too.
        visited += 1;
        fits = visited <= affordable || !is_wild(search.filters);
        if entry.last > search.after {
            subjects.push(subject.into());
        }
        fits
    });
    fits.then_some(subjects)
}

fn merge(search: Search<'_>, last: u64, subjects: &[Arc<str>], stored: &dyn Stored, found: &mut Vec<Head>) -> u64 {
    let heads = subjects.iter().filter_map(|subject| stored.next_of(subject, search.after));
    let mut next: BinaryHeap<_> = heads.map(|head| (Reverse(head.seq), head.subject)).collect();
    let mut through = search.after;
    while let Some((Reverse(seq), subject)) = next.pop() {
        if found.len() == search.limit {
            return through;
        }
        through = seq;
        found.extend(stored.get(seq));
        if let Some(head) = stored.next_of(&subject, seq) {
            next.push((Reverse(head.seq), subject));
        }
    }
    last
}

fn walk(search: Search<'_>, last: u64, stored: &dyn Stored, found: &mut Vec<Head>) -> u64 {
    let mut through = search.after;
    for _ in 0..STEPS_MAX {
        if found.len() == search.limit {
            return through;
        }
        let Some(head) = stored.next(through) else { return last };
        through = head.seq;
        if wants(search.filters, &head.subject) {
            found.push(head);
        }
    }
    through
}
