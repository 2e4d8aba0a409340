//! What is counted of a connection under rules that its policies may say differently.
//!
//! Policies that say the same share a word. Where releases say different things, each request is judged by the rule of its own policy
//! and counted under all: so no more pass in sum than the rule allows that lets one pass, and what a release says refuses nothing of
//! the other one.

use std::sync::{Arc, atomic::AtomicU64};

use crate::bound::Padded;

/// The rules of a connection, as one of its policies sees them.
pub(crate) struct Tally<A, R> {
    pub(crate) own: Option<Counted<A, R>>,
    /// Those of the other policies.
    pub(crate) others: Box<[Counted<A, R>]>,
}

/// A rule and what was counted under it.
#[derive(Clone)]
pub(crate) struct Counted<A, R> {
    asked: A,
    pub(crate) rule: R,
    pub(crate) word: Arc<Padded<AtomicU64>>,
}

impl<A: Copy + PartialEq, R: Clone> Tally<A, R> {
    /// Those of each policy of a connection, which asks for that. What `before` knows of one goes on.
    pub(crate) fn of(policies: &[Option<A>], before: &[&Self], rule: impl Fn(A) -> Option<R>) -> Vec<Self> {
        let begun = |asked| rule(asked).map(|rule| Counted { asked, rule, word: Arc::default() });
        let mut all: Vec<Counted<A, R>> = Vec::new();
        for asked in policies.iter().flatten() {
            let known = before.iter().find_map(|tally| tally.own.as_ref().filter(|own| own.asked == *asked));
            if all.iter().all(|one| one.asked != *asked) {
                all.extend(known.cloned().or_else(|| begun(*asked)));
            }
        }
        let seen_by = |asked: &Option<A>| {
            let (own, others): (Vec<_>, _) = all.iter().cloned().partition(|one| Some(one.asked) == *asked);
            Self { own: own.into_iter().next(), others: others.into_boxed_slice() }
        };
        policies.iter().map(seen_by).collect()
    }

    /// Whether the own rule has the same word as that of the same policy before.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn goes_on_from(&self, before: &Self) -> bool {
        match (&self.own, &before.own) {
            (Some(own), Some(before)) => Arc::ptr_eq(&own.word, &before.word),
            (own, before) => own.is_none() && before.is_none(),
        }
    }
}
