//! Where ours takes a response that another refuses, or understands it otherwise: each with its reason and an example.

use crate::compare::Peer;

/// A difference that is meant.
pub(super) struct Exception {
    peer: Peer,
    /// Why.
    pub(super) reason: &'static str,
    /// A response that shows it.
    pub(super) example: &'static str,
    /// Whether a difference over these bytes is this one.
    pub(super) fits: fn(&[u8]) -> bool,
}

/// Those with one peer.
pub(super) fn of(peer: Peer) -> impl Iterator<Item = &'static Exception> {
    EXCEPTIONS.iter().filter(move |exception| exception.peer == peer)
}

const EXCEPTIONS: &[Exception] = &[Exception {
    peer: Peer::Nginx,
    reason: "interim responses may come before the final one (RFC 9110 section 15.2); this nginx takes the first for the final one",
    example: "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc",
    fits: |bytes| bytes.starts_with(b"HTTP/1.") && bytes.get(8..10) == Some(b" 1"),
}];
