//! Control lines: where they end, and their arguments.

use memchr::memchr;

use super::{Limits, ParseError, header};

/// What a parser made of the bytes so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parsed<T> {
    /// One operation.
    Whole {
        /// The operation; its slices lie in the input.
        op: T,
        /// How many bytes it took.
        length: usize,
    },
    /// Not yet: the input must have at least so many bytes, counted from its beginning.
    Partial {
        /// That many.
        needed: usize,
    },
}

/// A control line without its end, and where the next byte lies.
pub(super) struct Line<'a> {
    pub(super) text: &'a [u8],
    pub(super) end: usize,
}

/// The first line of the input; `None` as long as its end is missing.
pub(super) fn first(input: &[u8], line_bytes_max: usize) -> Result<Option<Line<'_>>, ParseError> {
    let window = &input[..input.len().min(line_bytes_max + 2)];
    let Some(at) = memchr(b'\n', window) else {
        return if input.len() > line_bytes_max + 1 { Err(ParseError::LineTooLong) } else { Ok(None) };
    };
    let text = &input[..at];
    let text = text.strip_suffix(b"\r").unwrap_or(text);
    if text.len() > line_bytes_max {
        return Err(ParseError::LineTooLong);
    }
    Ok(Some(Line { text, end: at + 1 }))
}

pub(super) fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

/// Splits off the verb. Blanks before it are not allowed.
pub(super) fn verb(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(|byte| is_blank(*byte)).unwrap_or(text.len());
    text.split_at(end)
}

/// The arguments of an operation: at most `N`, separated by blanks.
pub(super) struct Arguments<'a, const N: usize> {
    of: [&'a [u8]; N],
    count: usize,
}

impl<'a, const N: usize> Arguments<'a, N> {
    pub(super) fn parse(text: &'a [u8]) -> Result<Self, ParseError> {
        let (mut of, mut count) = ([&text[..0]; N], 0);
        let (mut begin, mut met) = (None, 0);
        for (at, byte) in text.iter().enumerate() {
            met |= byte;
            if !is_blank(*byte) {
                if byte.is_ascii_control() {
                    return Err(ParseError::Malformed("a control character in the control line"));
                }
                begin = begin.or(Some(at));
            } else if let Some(from) = begin.take() {
                *of.get_mut(count).ok_or(TOO_MANY)? = &text[from..at];
                count += 1;
            }
        }
        if let Some(from) = begin {
            *of.get_mut(count).ok_or(TOO_MANY)? = &text[from..];
            count += 1;
        }
        if !met.is_ascii() && std::str::from_utf8(text).is_err() {
            return Err(ParseError::Malformed("the control line is not UTF-8"));
        }
        Ok(Self { of, count })
    }

    pub(super) fn as_slice(&self) -> &[&'a [u8]] {
        &self.of[..self.count]
    }
}

const TOO_MANY: ParseError = ParseError::Malformed("too many arguments");

/// A size: 1 to 9 decimal digits.
pub(super) fn size(text: &[u8]) -> Result<usize, ParseError> {
    let digits = (1..=9).contains(&text.len()) && text.iter().all(u8::is_ascii_digit);
    if !digits {
        return Err(ParseError::Malformed("a size is 1 to 9 decimal digits"));
    }
    Ok(text.iter().fold(0, |sum, digit| sum * 10 + usize::from(digit - b'0')))
}

/// What lies behind a control line: headers and payload.
pub(super) struct Body<'a> {
    pub(super) headers: &'a [u8],
    pub(super) payload: &'a [u8],
    pub(super) length: usize,
}

/// Reads a body and its CR LF, of the sizes that the line gave; `Err(needed)` inside `Ok` as long as bytes are missing. `headers` is the
/// size of the header block, where the operation has one.
pub(super) fn body<'a>(
    input: &'a [u8],
    line_end: usize,
    headers: Option<&[u8]>,
    total: &[u8],
    limits: &Limits,
) -> Result<Result<Body<'a>, usize>, ParseError> {
    let (header_bytes, total) = (headers.map_or(Ok(0), size)?, size(total)?);
    if total > limits.payload_bytes_max {
        return Err(ParseError::PayloadTooLarge);
    }
    if header_bytes > total {
        return Err(ParseError::Malformed("the header block is larger than the whole"));
    }
    let (end, length) = (line_end + total, line_end + total + 2);
    if input.len() < length {
        return Ok(Err(length));
    }
    if &input[end..length] != b"\r\n" {
        return Err(ParseError::UnknownOperation);
    }
    let (block, payload) = input[line_end..end].split_at(header_bytes);
    // A block of no bytes is none: the client for JavaScript writes it.
    if !block.is_empty() && !header::is_header_block(block) {
        return Err(ParseError::Malformed("the header block does not begin with NATS/1.0 or is not whole"));
    }
    Ok(Ok(Body { headers: block, payload, length }))
}
