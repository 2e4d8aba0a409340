//! What servers send, as a client reads it.

use super::{
    Limits, ParseError, Parsed,
    line::{self, Arguments, body},
};

/// One operation of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerOp<'a> {
    /// `INFO {json}`: the JSON, unread.
    Info(&'a [u8]),
    /// `MSG` or `HMSG`.
    Message(Delivery<'a>),
    /// `PING`.
    Ping,
    /// `PONG`.
    Pong,
    /// `+OK`.
    Ok,
    /// `-ERR 'text'`: the text without its quotes.
    Error(&'a [u8]),
}

/// A delivered message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delivery<'a> {
    /// The subject it was published to.
    pub subject: &'a [u8],
    /// The subscription that it is for.
    pub sid: &'a [u8],
    /// Where answers go.
    pub reply: Option<&'a [u8]>,
    /// The whole header block; empty without (`MSG`).
    pub headers: &'a [u8],
    /// The payload.
    pub payload: &'a [u8],
}

/// The first operation of the input. The bound of a line does not hold for `INFO`, whose JSON may be longer.
///
/// # Errors
/// What is wrong with it; nothing behind it can be read.
pub fn parse_server<'a>(input: &'a [u8], limits: &Limits) -> Result<Parsed<ServerOp<'a>>, ParseError> {
    let is_info = input.get(..4).is_some_and(|verb| verb.eq_ignore_ascii_case(b"INFO"));
    let line_bytes_max = if is_info { limits.payload_bytes_max } else { limits.line_bytes_max };
    let Some(line) = line::first(input, line_bytes_max)? else {
        return Ok(Parsed::Partial { needed: input.len() + 1 });
    };
    let (verb, rest) = line::verb(line.text);
    let op = match verb.to_ascii_uppercase().as_slice() {
        b"MSG" => return message(input, rest, line.end, false, limits),
        b"HMSG" => return message(input, rest, line.end, true, limits),
        b"INFO" => ServerOp::Info(rest.trim_ascii()),
        b"PING" => ServerOp::Ping,
        b"PONG" => ServerOp::Pong,
        b"+OK" => ServerOp::Ok,
        b"-ERR" => ServerOp::Error(quoted(rest.trim_ascii())),
        _ => return Err(ParseError::UnknownOperation),
    };
    Ok(Parsed::Whole { op, length: line.end })
}

fn message<'a>(
    input: &'a [u8],
    rest: &'a [u8],
    line_end: usize,
    with_headers: bool,
    limits: &Limits,
) -> Result<Parsed<ServerOp<'a>>, ParseError> {
    let arguments = Arguments::<5>::parse(rest)?;
    let (subject, sid, reply, headers, total) = match (with_headers, arguments.as_slice()) {
        (false, [subject, sid, total]) => (*subject, *sid, None, None, *total),
        (false, [subject, sid, reply, total]) => (*subject, *sid, Some(*reply), None, *total),
        (true, [subject, sid, headers, total]) => (*subject, *sid, None, Some(*headers), *total),
        (true, [subject, sid, reply, headers, total]) => (*subject, *sid, Some(*reply), Some(*headers), *total),
        _ => {
            return Err(ParseError::Malformed(
                "MSG and HMSG take a subject, an id, perhaps a reply subject, and sizes",
            ));
        }
    };
    let body = match body(input, line_end, headers, total, limits)? {
        Ok(body) => body,
        Err(needed) => return Ok(Parsed::Partial { needed }),
    };
    let op = ServerOp::Message(Delivery { subject, sid, reply, headers: body.headers, payload: body.payload });
    Ok(Parsed::Whole { op, length: body.length })
}

fn quoted(text: &[u8]) -> &[u8] {
    text.strip_prefix(b"'").and_then(|text| text.strip_suffix(b"'")).unwrap_or(text)
}
