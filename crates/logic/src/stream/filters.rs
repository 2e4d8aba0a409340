//! Who wants a message: an index of filters, so that a publish costs in proportion to those that match.

use std::collections::HashMap;

/// Filters of many owners, found by a literal subject.
#[derive(Debug)]
pub struct Filters<Id> {
    root: Node<Id>,
}

/// Small, for most of many are leaves.
#[derive(Debug)]
struct Node<Id> {
    /// Filters that end here.
    here: Vec<Id>,
    below: Option<Box<Below<Id>>>,
}

/// Filters that go on.
#[derive(Debug)]
struct Below<Id> {
    tokens: HashMap<Box<str>, Node<Id>>,
    any: Option<Node<Id>>,
    /// With `>`.
    rest: Vec<Id>,
}

impl<Id> Default for Node<Id> {
    fn default() -> Self {
        Self { here: Vec::new(), below: None }
    }
}

impl<Id> Default for Below<Id> {
    fn default() -> Self {
        Self { tokens: HashMap::new(), any: None, rest: Vec::new() }
    }
}

impl<Id> Default for Filters<Id> {
    fn default() -> Self {
        Self { root: Node::default() }
    }
}

impl<Id: Copy + Ord> Filters<Id> {
    /// Adds the filters of an owner; none want all.
    pub fn insert<S: AsRef<str>>(&mut self, filters: &[S], id: Id) {
        each(filters, |filter| self.root.place(filter).push(id));
    }

    /// Takes the filters of an owner away, and what only they needed.
    pub fn remove<S: AsRef<str>>(&mut self, filters: &[S], id: Id) {
        each(filters, |filter| {
            let tokens: Vec<_> = filter.split('.').collect();
            self.root.remove(&tokens, id);
        });
    }

    /// Puts the owners that want a subject into `found`, each once, in order.
    pub fn matching(&self, subject: &str, found: &mut Vec<Id>) {
        found.clear();
        self.root.find(Some(subject), found);
        found.sort_unstable();
        found.dedup();
    }

    /// Whether anyone wants a subject.
    pub fn has_interest(&self, subject: &str) -> bool {
        let mut found = Vec::new();
        self.root.find(Some(subject), &mut found);
        !found.is_empty()
    }
}

fn each<S: AsRef<str>>(filters: &[S], mut apply: impl FnMut(&str)) {
    if filters.is_empty() {
        apply(">");
    }
    filters.iter().for_each(|filter| apply(filter.as_ref()));
}

impl<Id: Copy + Ord> Node<Id> {
    fn place(&mut self, filter: &str) -> &mut Vec<Id> {
        let mut node = self;
        for token in filter.split('.') {
            let below = node.below.get_or_insert_default();
            node = match token {
                ">" => return &mut below.rest,
                "*" => below.any.get_or_insert_default(),
                _ => below.tokens.entry(token.into()).or_default(),
            };
        }
        &mut node.here
    }

    fn remove(&mut self, tokens: &[&str], id: Id) {
        let [token, tail @ ..] = tokens else { return self.here.retain(|other| *other != id) };
        let Some(below) = &mut self.below else { return };
        match *token {
            ">" => below.rest.retain(|other| *other != id),
            "*" => {
                below.any.iter_mut().for_each(|node| node.remove(tail, id));
                below.any.take_if(|node| node.is_empty());
            }
            token => {
                if let Some(node) = below.tokens.get_mut(token) {
                    node.remove(tail, id);
                    if node.is_empty() {
                        below.tokens.remove(token);
                    }
                }
            }
        }
        self.below.take_if(|below| below.is_empty());
    }

    fn is_empty(&self) -> bool {
        self.here.is_empty() && self.below.is_none()
    }

    fn find(&self, subject: Option<&str>, found: &mut Vec<Id>) {
        let Some(subject) = subject else {
            found.extend(&self.here);
            return;
        };
        let Some(below) = &self.below else { return };
        found.extend(&below.rest);
        let (token, tail) = subject.split_once('.').map_or((subject, None), |(token, tail)| (token, Some(tail)));
        if let Some(node) = below.tokens.get(token) {
            node.find(tail, found);
        }
        if let Some(node) = &below.any {
            node.find(tail, found);
        }
    }
}

impl<Id> Below<Id> {
    fn is_empty(&self) -> bool {
        self.tokens.is_empty() && self.any.is_none() && self.rest.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_wants_a_subject() {
        let owners = [&["a.b"][..], &["a.*"], &["a.>"], &[], &["x", "a.*.c"], &["*.b", "a.b.>"]];
        let mut filters = Filters::default();
        owners.iter().zip(0..).for_each(|(owner, id)| filters.insert(owner, id));
        let mut found = Vec::new();
        for (subject, expected) in
            [("a.b", &[0, 1, 2, 3, 5][..]), ("a", &[3]), ("a.b.c", &[2, 3, 4, 5]), ("x", &[3, 4]), ("c.b", &[3, 5])]
        {
            filters.matching(subject, &mut found);
            assert_eq!((found.as_slice(), filters.has_interest(subject)), (expected, true), "{subject}");
        }
        owners.iter().zip(0..).for_each(|(owner, id)| filters.remove(owner, id));
        assert!(filters.root.is_empty(), "nothing is left of filters that are gone: {filters:?}");
        assert!(!filters.has_interest("a.b"));
    }
}
