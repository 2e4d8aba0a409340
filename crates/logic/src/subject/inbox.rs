//! Inboxes: the subjects below `_INBOX.` that clients get answers and deliveries at. The next token is the inbox's name, which its
//! client has made up and nobody else can guess; whoever answers learns it, though.

use std::collections::HashMap;

use super::{
    overlap,
    token::{ANY, REST, tokens},
};

const FIRST: &[u8] = b"_INBOX";
const ALL: &[u8] = b"_INBOX.>";

/// The name of the inbox that a subject or filter lies in; `None` if it lies in none, or in more than one.
pub fn inbox(text: &[u8]) -> Option<&[u8]> {
    let mut tokens = tokens(text);
    (tokens.next()? == FIRST).then(|| tokens.next()).flatten().filter(|name| *name != ANY && *name != REST)
}

/// Whether a filter stands for subjects in inboxes that it does not name.
pub fn spans_inboxes(filter: &[u8]) -> bool {
    inbox(filter).is_none() && overlap(filter, ALL)
}

/// Whose which inbox is. It belongs to whoever claimed it first, until every claim has been given up.
#[derive(Debug, Default)]
pub struct Inboxes {
    claims: HashMap<Box<[u8]>, Claims>,
}

#[derive(Debug)]
struct Claims {
    owner: Box<str>,
    count: usize,
}

impl Inboxes {
    /// Whether an inbox is nobody else's.
    pub fn may_claim(&self, name: &[u8], owner: &str) -> bool {
        self.claims.get(name).is_none_or(|claims| *claims.owner == *owner)
    }

    /// Claims an inbox by its name; says whether it is the owner's now.
    pub fn claim(&mut self, name: &[u8], owner: &str) -> bool {
        if !self.may_claim(name, owner) {
            return false;
        }
        let new = || Claims { owner: owner.into(), count: 0 };
        self.claims.entry(name.into()).or_insert_with(new).count += 1;
        true
    }

    /// Gives up one claim.
    pub fn release(&mut self, name: &[u8]) {
        let Some(claims) = self.claims.get_mut(name) else { return };
        claims.count -= 1;
        if claims.count == 0 {
            self.claims.remove(name);
        }
    }

    /// Whether an inbox is this owner's.
    pub fn is_owned(&self, name: &[u8], owner: &str) -> bool {
        self.claims.get(name).is_some_and(|claims| *claims.owner == *owner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for (text, name, spans) in [
            ("_INBOX.a", Some("a"), false),
            ("_INBOX.a.b.c", Some("a"), false),
            ("_INBOX.a.*", Some("a"), false),
            ("_INBOX.a.>", Some("a"), false),
            ("_INBOX.*", None, true),
            ("_INBOX.*.b", None, true),
            ("_INBOX.>", None, true),
            ("*.a", None, true),
            ("*.>", None, true),
            (">", None, true),
            ("*", None, false),
            ("_INBOX", None, false),
            ("_INBOX2.a", None, false),
            ("orders.>", None, false),
        ] {
            let expected = (name.map(str::as_bytes), spans);
            assert_eq!((inbox(text.as_bytes()), spans_inboxes(text.as_bytes())), expected, "{text}");
        }
    }

    #[test]
    fn the_first_claim_counts_until_it_is_given_up() {
        let mut inboxes = Inboxes::default();
        assert!(inboxes.claim(b"x", "ada") && inboxes.claim(b"x", "ada") && !inboxes.claim(b"x", "bob"));
        inboxes.release(b"x");
        assert!(inboxes.is_owned(b"x", "ada") && !inboxes.claim(b"x", "bob"));
        inboxes.release(b"x");
        assert!(!inboxes.is_owned(b"x", "ada") && inboxes.claim(b"x", "bob"));
        inboxes.release(b"y");
    }
}
