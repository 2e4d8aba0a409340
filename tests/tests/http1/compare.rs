//! Two readings of the same bytes.

use tests::codec::{self, End, Request};
use wire::http1::host_name;

/// Who is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Peer {
    /// A hyper server.
    Hyper,
    /// An nginx in front of a back end.
    Nginx,
}

/// A request as the other server understood it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) method: String,
    /// Whom it is for: as it came, but of nginx the name in small letters.
    pub(crate) host: String,
    /// The path and the query.
    pub(crate) target: String,
    pub(crate) body: Vec<u8>,
}

/// What the other server took, and the status of its refusal if it ended so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Heard {
    pub(crate) requests: Vec<Seen>,
    pub(crate) refused: Option<u16>,
}

/// Where ours is laxer, or understands something else.
pub(crate) enum Difference {
    /// We take a request that the other refuses (with this status), or that it does not answer.
    Laxer { ours: Box<Request>, status: Option<u16> },
    /// Both take it, and see another method, host, target or body.
    Meaning { ours: Box<Request>, theirs: Seen },
    /// The other sees a request where we see none, or only a part of one.
    Place { ours: usize, theirs: Seen },
}

impl Difference {
    /// What it is, for a person.
    pub(crate) fn tell(&self) -> String {
        match self {
            Self::Laxer { ours, status } => format!("we take \"{}\", the answer is {status:?}", shown(ours)),
            Self::Meaning { ours, theirs } => format!("we see \"{}\", the other {theirs:?}", shown(ours)),
            Self::Place { ours, theirs } => format!("behind request {ours} we see no other, but there is {theirs:?}"),
        }
    }
}

fn shown(request: &Request) -> String {
    codec::send_on(request).escape_ascii().to_string()
}

/// Compares our reading with the other's.
pub(crate) fn difference(bytes: &[u8], heard: &Heard, peer: Peer) -> Option<Difference> {
    let (ours, end) = codec::read(&[bytes]);
    for (index, request) in ours.iter().enumerate() {
        let Some(theirs) = heard.requests.get(index) else {
            return Some(Difference::Laxer { ours: Box::new(request.clone()), status: heard.refused });
        };
        if !means_the_same(request, theirs, peer) {
            return Some(Difference::Meaning { ours: Box::new(request.clone()), theirs: theirs.clone() });
        }
    }
    let more = heard.requests.get(ours.len()).filter(|_| matches!(end, End::Clean | End::Truncated));
    more.map(|theirs| Difference::Place { ours: ours.len(), theirs: theirs.clone() })
}

fn means_the_same(ours: &Request, theirs: &Seen, peer: Peer) -> bool {
    let (host, theirs_target) = match peer {
        Peer::Nginx => (host_name(&ours.host).to_ascii_lowercase(), decoded(&theirs.target)),
        Peer::Hyper => (ours.host.clone(), decoded(&target_of(&canonical(&theirs.target)))),
    };
    ours.method == theirs.method.as_bytes()
        && host == theirs.host
        && ours.body == theirs.body
        && decoded(&target_of(&ours.forwarded)) == theirs_target
}

/// hyper leaves a path as it is, so that it is brought into our form first.
fn canonical(target: &str) -> Vec<u8> {
    let method = if target == "*" { "OPTIONS" } else { "GET" };
    let (requests, _) = codec::read(&[format!("{method} {target} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes()]);
    requests.first().map(|request| request.forwarded.clone()).unwrap_or_default()
}

fn target_of(head: &[u8]) -> String {
    let target = head.split(|byte| *byte == b' ').nth(1).unwrap_or_default();
    String::from_utf8_lossy(target).into_owned()
}

/// The path with nothing encoded, and the query as it is.
fn decoded(target: &str) -> (Vec<u8>, String) {
    let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
    let (mut bytes, mut rest) = (Vec::new(), path.as_bytes());
    while let Some((byte, tail)) = rest.split_first() {
        let pair = tail.get(..2).and_then(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
        match pair.filter(|_| *byte == b'%') {
            Some(value) => {
                bytes.push(value);
                rest = &tail[2..];
            }
            None => {
                bytes.push(*byte);
                rest = tail;
            }
        }
    }
    (bytes, query.unwrap_or_default().to_owned())
}

/// Two servers that take another host of the two that a request may name are the oldest way around a route.
#[test]
fn another_host_is_a_difference() {
    let bytes = b"GET http://b:80/ HTTP/1.1\r\nHost: a\r\n\r\n";
    let difference = |peer, host: &str| {
        let seen = Seen { method: "GET".into(), host: host.into(), target: "/".into(), body: Vec::new() };
        difference(bytes, &Heard { requests: vec![seen], refused: None }, peer).map(|found| found.tell())
    };
    for (peer, host) in [(Peer::Nginx, "b"), (Peer::Hyper, "b:80")] {
        assert_eq!(difference(peer, host), None);
        let told = difference(peer, "a").unwrap();
        assert!(told.contains(r#"host: "a""#), "{told}");
    }
}
