//! What clients send.

use super::{
    ParseError, Parsed,
    line::{self, Arguments, body},
};

/// The bounds of what a client may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a control line without its end.
    pub line_bytes_max: usize,
    /// Bytes of headers and payload together.
    pub payload_bytes_max: usize,
}

impl Default for Limits {
    /// Those of the reference server: 4096 bytes, 1 MiB.
    fn default() -> Self {
        Self { line_bytes_max: 4096, payload_bytes_max: 1 << 20 }
    }
}

/// One operation of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientOp<'a> {
    /// `CONNECT {json}`: the JSON, unread.
    Connect(&'a [u8]),
    /// `PUB` or `HPUB`.
    Publish(Publish<'a>),
    /// `SUB subject [queue] sid`.
    Subscribe(Subscribe<'a>),
    /// `UNSUB sid [max]`.
    Unsubscribe {
        /// The subscription.
        sid: &'a [u8],
        /// After how many messages in all it ends; at once without.
        max: Option<u64>,
    },
    /// `PING`.
    Ping,
    /// `PONG`.
    Pong,
}

/// A message to publish. Subjects are UTF-8 without blanks and control characters; whether they are valid is not decided here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Publish<'a> {
    /// Where to.
    pub subject: &'a [u8],
    /// Where answers go.
    pub reply: Option<&'a [u8]>,
    /// The whole header block; empty without (`PUB`).
    pub headers: &'a [u8],
    /// The payload.
    pub payload: &'a [u8],
}

/// A subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subscribe<'a> {
    /// The subject, perhaps with wildcards.
    pub subject: &'a [u8],
    /// The queue group.
    pub queue: Option<&'a [u8]>,
    /// The client's name of the subscription.
    pub sid: &'a [u8],
}

/// The first operation of the input. Verbs may be written in any case.
///
/// # Errors
/// What is wrong with it; nothing behind it can be read.
pub fn parse_client<'a>(input: &'a [u8], limits: &Limits) -> Result<Parsed<ClientOp<'a>>, ParseError> {
    let line = match line::first(input, limits.line_bytes_max) {
        Ok(Some(line)) => line,
        Ok(None) => return Ok(Parsed::Partial { needed: input.len() + 1 }),
        Err(error) => {
            return Err(if kind(line::verb(input).0).is_none() { ParseError::UnknownOperation } else { error });
        }
    };
    let (verb, rest) = line::verb(line.text);
    let op = match kind(verb).ok_or(ParseError::UnknownOperation)? {
        Kind::Publish => return publish(input, rest, line.end, false, limits),
        Kind::PublishHeaders => return publish(input, rest, line.end, true, limits),
        Kind::Subscribe => subscribe(rest)?,
        Kind::Unsubscribe => unsubscribe(rest)?,
        Kind::Connect => connect(rest)?,
        Kind::Ping => alone(rest, ClientOp::Ping)?,
        Kind::Pong => alone(rest, ClientOp::Pong)?,
    };
    Ok(Parsed::Whole { op, length: line.end })
}

#[derive(Clone, Copy)]
enum Kind {
    Connect,
    Publish,
    PublishHeaders,
    Subscribe,
    Unsubscribe,
    Ping,
    Pong,
}

fn kind(verb: &[u8]) -> Option<Kind> {
    const KINDS: [(&[u8], Kind); 7] = [
        (b"PUB", Kind::Publish),
        (b"HPUB", Kind::PublishHeaders),
        (b"PING", Kind::Ping),
        (b"PONG", Kind::Pong),
        (b"SUB", Kind::Subscribe),
        (b"UNSUB", Kind::Unsubscribe),
        (b"CONNECT", Kind::Connect),
    ];
    KINDS.iter().find(|(name, _)| verb.eq_ignore_ascii_case(name)).map(|(_, kind)| *kind)
}

fn publish<'a>(
    input: &'a [u8],
    rest: &'a [u8],
    line_end: usize,
    with_headers: bool,
    limits: &Limits,
) -> Result<Parsed<ClientOp<'a>>, ParseError> {
    let arguments = Arguments::<4>::parse(rest)?;
    let (subject, reply, headers, total) = match (with_headers, arguments.as_slice()) {
        (false, [subject, total]) => (*subject, None, None, *total),
        (false, [subject, reply, total]) => (*subject, Some(*reply), None, *total),
        (true, [subject, headers, total]) => (*subject, None, Some(*headers), *total),
        (true, [subject, reply, headers, total]) => (*subject, Some(*reply), Some(*headers), *total),
        (false, _) => return Err(ParseError::Malformed("PUB takes a subject, perhaps a reply subject, and a size")),
        (true, _) => return Err(ParseError::Malformed("HPUB takes a subject, perhaps a reply subject, and two sizes")),
    };
    let body = match body(input, line_end, headers, total, limits)? {
        Ok(body) => body,
        Err(needed) => return Ok(Parsed::Partial { needed }),
    };
    let op = ClientOp::Publish(Publish { subject, reply, headers: body.headers, payload: body.payload });
    Ok(Parsed::Whole { op, length: body.length })
}

fn subscribe(rest: &[u8]) -> Result<ClientOp<'_>, ParseError> {
    let arguments = Arguments::<3>::parse(rest)?;
    let (subject, queue, sid) = match arguments.as_slice() {
        [subject, sid] => (*subject, None, *sid),
        [subject, queue, sid] => (*subject, Some(*queue), *sid),
        _ => return Err(ParseError::Malformed("SUB takes a subject, perhaps a queue group, and an id")),
    };
    Ok(ClientOp::Subscribe(Subscribe { subject, queue, sid }))
}

fn unsubscribe(rest: &[u8]) -> Result<ClientOp<'_>, ParseError> {
    let arguments = Arguments::<2>::parse(rest)?;
    match arguments.as_slice() {
        [sid] => Ok(ClientOp::Unsubscribe { sid, max: None }),
        // The reference server takes 0 for "at once" as well.
        [sid, max] => Ok(ClientOp::Unsubscribe { sid, max: Some(line::size(max)? as u64).filter(|max| *max > 0) }),
        _ => Err(ParseError::Malformed("UNSUB takes an id and perhaps a number of messages")),
    }
}

fn connect(rest: &[u8]) -> Result<ClientOp<'_>, ParseError> {
    match rest.trim_ascii() {
        [] => Err(ParseError::Malformed("CONNECT takes a JSON object")),
        options => Ok(ClientOp::Connect(options)),
    }
}

/// An operation without arguments. What stands behind it is refused, where the reference server skips it.
fn alone<'a>(rest: &[u8], op: ClientOp<'a>) -> Result<ClientOp<'a>, ParseError> {
    if rest.iter().copied().all(line::is_blank) { Ok(op) } else { Err(ParseError::Malformed("this verb stands alone")) }
}
