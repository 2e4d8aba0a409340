//! Which subjects a stream has, and how many messages of each: one entry a live subject, in order, so that the subjects
//! of a pattern are found by leaping from one to the next.

use std::{collections::BTreeMap, ops::Bound};

use super::{
    Stored,
    subjects::{covers, is_literal},
};

/// What is kept of a subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Its messages, at least one.
    pub messages: u64,
    /// No message of it is earlier.
    pub first: u64,
    /// Its last message.
    pub last: u64,
}

/// The subjects of a stream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Index(BTreeMap<Box<str>, Entry>);

impl Index {
    /// How many subjects have messages.
    pub fn subjects(&self) -> usize {
        self.0.len()
    }

    /// The entry of a subject.
    pub fn get(&self, subject: &str) -> Option<&Entry> {
        self.0.get(subject)
    }

    /// Adds a message, the last of all.
    pub fn add(&mut self, subject: &str, seq: u64) {
        match self.0.get_mut(subject) {
            Some(entry) => (entry.messages, entry.last) = (entry.messages + 1, seq),
            None => drop(self.0.insert(subject.into(), Entry { messages: 1, first: seq, last: seq })),
        }
    }

    /// Takes a message away; `last_before` finds the last message of the subject that stays.
    pub(super) fn remove(&mut self, subject: &str, seq: u64, last_before: impl Fn(&str, u64) -> Option<u64>) {
        let Some(entry) = self.0.get_mut(subject) else { return };
        entry.messages -= 1;
        if entry.messages == 0 {
            self.0.remove(subject);
        } else if entry.first == seq {
            entry.first = seq + 1;
        } else if entry.last == seq {
            entry.last = last_before(subject, seq).unwrap_or(entry.first);
        }
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// All subjects, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Entry)> {
        self.0.iter().map(|(subject, entry)| (subject.as_ref(), entry))
    }

    /// Calls `visit` with every subject of a pattern, in order, until it says `false`. Costs one step down the tree for
    /// each subject that matches and for each token that a `*` passes over.
    pub fn visit(&self, pattern: &str, visit: &mut dyn FnMut(&str, &Entry) -> bool) {
        let tokens: Vec<_> = pattern.split('.').collect();
        self.descend(&mut String::new(), &tokens, visit);
    }

    /// The same for several patterns, none for all; a subject of two of them is visited once.
    pub fn visit_all<S: AsRef<str>>(&self, filters: &[S], visit: &mut dyn FnMut(&str, &Entry) -> bool) {
        if filters.is_empty() {
            return self.visit(">", visit);
        }
        let mut go_on = true;
        for (i, filter) in filters.iter().enumerate() {
            self.visit(filter.as_ref(), &mut |subject, entry| {
                let seen = filters[..i].iter().any(|earlier| covers(earlier.as_ref(), subject));
                go_on = seen || visit(subject, entry);
                go_on
            });
            if !go_on {
                return;
            }
        }
    }

    /// How many messages of these filters (none: all) come after a sequence. Exact; asks storage about a subject only
    /// when it has messages on both sides.
    pub fn pending<S: AsRef<str>>(&self, filters: &[S], after: u64, stored: &dyn Stored) -> u64 {
        if filters.iter().all(|filter| filter.as_ref() == ">") {
            return stored.count(None, after);
        }
        let mut pending = 0;
        self.visit_all(filters, &mut |subject, entry| {
            pending += match entry {
                Entry { last, .. } if *last <= after => 0,
                Entry { first, messages, .. } if *first > after || *messages == 1 => *messages,
                _ => stored.count(Some(subject), after),
            };
            true
        });
        pending
    }

    fn descend(&self, prefix: &mut String, tokens: &[&str], visit: &mut dyn FnMut(&str, &Entry) -> bool) -> bool {
        match tokens {
            [">"] => self.under(prefix).all(|(subject, entry)| visit(subject, entry)),
            ["*", rest @ ..] => self.leap(prefix, rest, visit),
            [token, rest @ ..] => {
                let length = prefix.len();
                prefix.push_str(token);
                let go_on = if rest.is_empty() {
                    self.0.get(prefix.as_str()).is_none_or(|entry| visit(prefix, entry))
                } else {
                    prefix.push('.');
                    self.descend(prefix, rest, visit)
                };
                prefix.truncate(length);
                go_on
            }
            [] => true,
        }
    }

    /// Each token that stands after the prefix, once.
    fn leap(&self, prefix: &mut String, rest: &[&str], visit: &mut dyn FnMut(&str, &Entry) -> bool) -> bool {
        let length = prefix.len();
        let mut from = Bound::Included(prefix.clone());
        loop {
            let next = self.0.range::<str, _>((from.as_ref().map(String::as_str), Bound::Unbounded)).next();
            let Some((subject, entry)) = next.filter(|(subject, _)| subject.starts_with(prefix.as_str())) else {
                return true;
            };
            let Some(dot) = subject[length..].find('.') else {
                if rest.is_empty() && !visit(subject, entry) {
                    return false;
                }
                from = Bound::Excluded(subject.to_string());
                continue;
            };
            // What follows `.` in ASCII is `/`: the first place after all subjects below this token.
            from = Bound::Included(format!("{}/", &subject[..length + dot]));
            if !rest.is_empty() {
                prefix.push_str(&subject[length..=length + dot]);
                let go_on = self.descend(prefix, rest, visit);
                prefix.truncate(length);
                if !go_on {
                    return false;
                }
            }
        }
    }

    fn under<'a>(&'a self, prefix: &str) -> impl Iterator<Item = (&'a str, &'a Entry)> {
        let prefix = prefix.to_owned();
        let range = self.0.range::<str, _>((Bound::Included(prefix.as_str()), Bound::Unbounded));
        range
            .take_while(move |(subject, _)| subject.starts_with(&prefix))
            .map(|(subject, entry)| (subject.as_ref(), entry))
    }
}

impl FromIterator<(Box<str>, Entry)> for Index {
    fn from_iter<I: IntoIterator<Item = (Box<str>, Entry)>>(entries: I) -> Self {
        Self(entries.into_iter().collect())
    }
}

/// Whether a message of this subject is wanted by the filters; none want all.
pub(crate) fn wants<S: AsRef<str>>(filters: &[S], subject: &str) -> bool {
    filters.is_empty() || filters.iter().any(|filter| covers(filter.as_ref(), subject))
}

/// Whether one of the filters stands for more than one subject.
pub(crate) fn is_wild<S: AsRef<str>>(filters: &[S]) -> bool {
    filters.is_empty() || filters.iter().any(|filter| !is_literal(filter.as_ref()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(index: &Index, filters: &[&str]) -> Vec<String> {
        let mut found = Vec::new();
        index.visit_all(filters, &mut |subject, _| {
            found.push(subject.to_owned());
            true
        });
        found
    }

    #[test]
    fn subjects_of_patterns() {
        let mut index = Index::default();
        for (seq, subject) in (1..).zip(["a", "a.b", "a.b.c", "a-b", "a-b.c", "b.b.c", "b.x", "a.c.c"]) {
            index.add(subject, seq);
        }
        for (filters, expected) in [
            (&["a"][..], "a"),
            (&["*"], "a a-b"),
            (&["*.*"], "a-b.c a.b b.x"),
            (&["*.b.c"], "a.b.c b.b.c"),
            (&["a.>"], "a.b a.b.c a.c.c"),
            (&["a.*.c"], "a.b.c a.c.c"),
            (&["*.*.>"], "a.b.c a.c.c b.b.c"),
            (&["x", "a.x"], ""),
            (&["*.b.*", "a.*.c"], "a.b.c b.b.c a.c.c"),
            (&[], "a a-b a-b.c a.b a.b.c a.c.c b.b.c b.x"),
        ] {
            assert_eq!(found(&index, filters).join(" "), expected, "{filters:?}");
        }
    }

    #[test]
    fn any_pattern_finds_what_matches() {
        let seed = fastrand::u64(..);
        let mut rng = fastrand::Rng::with_seed(seed);
        for round in 0..2_000 {
            let mut subject = |tokens: &[&str]| {
                (0..rng.usize(1..4)).map(|_| tokens[rng.usize(..tokens.len())]).collect::<Vec<_>>().join(".")
            };
            let mut index = Index::default();
            (0..12).for_each(|seq| index.add(&subject(&["a", "b", "a-", "a/", "é"]), seq + 1));
            let mut pattern = subject(&["a", "a-", "é", "*"]);
            if round % 3 == 0 {
                pattern.push_str(".>");
            }
            let expected: Vec<_> = index.iter().map(|(s, _)| s).filter(|s| covers(&pattern, s)).collect();
            let mut found = found(&index, &[&pattern]);
            found.sort();
            assert_eq!(found, expected, "seed {seed}: {pattern}");
        }
    }

    #[test]
    fn a_query_costs_what_it_finds() {
        let mut index = Index::default();
        (0..100_000).for_each(|i| index.add(&format!("k.{}.{i}", i % 100), i + 1));
        let mut visited = 0;
        index.visit("k.7.*", &mut |_, _| {
            visited += 1;
            visited < 10
        });
        assert_eq!(visited, 10, "it stops when it is told");
    }
}
