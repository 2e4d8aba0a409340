//! Where ours takes what another server refuses, or understands it otherwise: each with its reason and an example.

use tests::codec::Request;

use crate::compare::{Difference, Peer};

/// A difference that is meant.
#[derive(Debug)]
pub(crate) struct Exception {
    /// With whom.
    peer: Peer,
    /// Why.
    reason: &'static str,
    /// A connection that shows it.
    pub(crate) example: &'static str,
    /// Whether a difference is this one.
    fits: fn(&Difference) -> bool,
}

/// Those with one server.
pub(crate) fn of(peer: Peer) -> impl Iterator<Item = &'static Exception> {
    EXCEPTIONS.iter().filter(move |exception| exception.peer == peer)
}

impl Exception {
    /// Whether the difference is this exception.
    pub(crate) fn allows(&self, difference: &Difference) -> bool {
        (self.fits)(difference)
    }

    /// What it is about, for a person.
    pub(crate) fn tell(&self) -> String {
        format!("{}, with {:?}", self.reason, self.peer)
    }
}

const EXCEPTIONS: &[Exception] = &[
    Exception {
        peer: Peer::Nginx,
        reason: "`OPTIONS *` asks about the server as a whole (RFC 9112 section 3.2.4); nginx knows no such target",
        example: "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
        fits: |found| refused(found).is_some_and(|ours| ours.method == b"OPTIONS" && ours.path == "*"),
    },
    Exception {
        peer: Peer::Nginx,
        reason: "these fields are for the program, which gets each line as it came; nginx acts on them itself",
        example: "GET / HTTP/1.1\r\nHost: a\r\nIf-None-Match: a\r\nIf-None-Match: b\r\n\r\n",
        fits: |found| refused(found).is_some_and(repeats_a_field_of_the_program),
    },
    Exception {
        peer: Peer::Nginx,
        reason: "a host is any name of RFC 3986 wherever it stands; nginx takes fewer letters in a target than in the field `Host`",
        example: "GET http://a_b/ HTTP/1.1\r\nHost: a_b\r\n\r\n",
        fits: |found| refused(found).is_some_and(|ours| !ours.host.bytes().all(is_in_hosts_of_nginx_targets)),
    },
];

/// The request that we take and the other answers with 400.
fn refused(found: &Difference) -> Option<&Request> {
    match found {
        Difference::Laxer { ours, status: Some(400) } => Some(ours),
        _ => None,
    }
}

fn is_in_hosts_of_nginx_targets(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte)
}

fn repeats_a_field_of_the_program(request: &Request) -> bool {
    const NAMES: [&str; 2] = ["authorization", "if-none-match"];
    let lines = |name: &str| request.fields.iter().filter(|(own, _)| own.eq_ignore_ascii_case(name.as_bytes())).count();
    NAMES.iter().any(|name| lines(name) > 1)
}
