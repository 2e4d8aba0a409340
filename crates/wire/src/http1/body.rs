//! Bodies: which bytes of the input are data, and where the message ends.

use std::ops::Range;

use super::{chunked::Chunked, error::HeadError, framing::Framing};

/// A body that is being read.
#[derive(Debug, Clone)]
pub struct Body(State);

#[derive(Debug, Clone)]
enum State {
    Length(u64),
    Chunked(Chunked),
    UntilClose,
}

/// What the beginning of the input is: framing, then data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// Bytes that are not part of the body.
    pub skip: usize,
    /// Bytes of the body behind them.
    pub data: usize,
    /// Whether the message ends behind them.
    pub done: bool,
}

/// What a buffer holds after [`Body::compact`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compacted {
    /// The data.
    pub data: Range<usize>,
    /// The bytes that were used up; the next message or part begins behind them.
    pub consumed: usize,
    /// Whether the message ends there.
    pub done: bool,
}

impl Body {
    /// A body of that framing, before its first byte.
    pub fn new(framing: Framing) -> Self {
        Self(match framing {
            Framing::None => State::Length(0),
            Framing::Length(length) => State::Length(length),
            Framing::Chunked => State::Chunked(Chunked::new()),
            Framing::UntilClose => State::UntilClose,
        })
    }

    /// Whether the message has ended.
    pub fn is_done(&self) -> bool {
        match &self.0 {
            State::Length(left) => *left == 0,
            State::Chunked(chunked) => chunked.is_done(),
            State::UntilClose => false,
        }
    }

    /// Whether the message is whole when the peer closes the connection here.
    pub fn may_close(&self) -> bool {
        self.is_done() || matches!(self.0, State::UntilClose)
    }

    /// Reads the beginning of the input. Without data and not done, it has used up the whole input.
    ///
    /// # Errors
    /// When a chunk is malformed.
    pub fn step(&mut self, input: &[u8]) -> Result<Step, HeadError> {
        let (skip, data) = match &mut self.0 {
            State::Length(left) => {
                let data = usize::try_from(*left).unwrap_or(usize::MAX).min(input.len());
                *left -= data as u64;
                (0, data)
            }
            State::Chunked(chunked) => chunked.step(input)?,
            State::UntilClose => (0, input.len()),
        };
        Ok(Step { skip, data, done: self.is_done() })
    }

    /// Reads the whole input and moves its data together. Nothing moves if the data lies in one piece.
    ///
    /// # Errors
    /// When a chunk is malformed.
    pub fn compact(&mut self, input: &mut [u8]) -> Result<Compacted, HeadError> {
        let first = self.step(input)?;
        let mut consumed = first.skip + first.data;
        let mut data = first.skip..consumed;
        while consumed < input.len() && !self.is_done() {
            let step = self.step(&input[consumed..])?;
            let piece = consumed + step.skip..consumed + step.skip + step.data;
            consumed = piece.end;
            input.copy_within(piece, data.end);
            data.end += step.data;
        }
        Ok(Compacted { data, consumed, done: self.is_done() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(framing: Framing, input: &str) -> Result<(String, usize, bool), &'static str> {
        let mut bytes = input.as_bytes().to_vec();
        let compacted = Body::new(framing).compact(&mut bytes).map_err(|error| error.detail)?;
        let data = String::from_utf8(bytes[compacted.data].to_vec()).unwrap();
        Ok((data, compacted.consumed, compacted.done))
    }

    #[test]
    fn bodies() {
        for (framing, input, data, consumed, done) in [
            (Framing::None, "GET", "", 0, true),
            (Framing::Length(3), "abcdef", "abc", 3, true),
            (Framing::Length(3), "ab", "ab", 2, false),
            (Framing::UntilClose, "abc", "abc", 3, false),
            (Framing::Chunked, "3\r\nabc\r\n0\r\n\r\nGET", "abc", 13, true),
            (Framing::Chunked, "1\r\na\r\n2\r\nbc\r\n00\r\n\r\n", "abc", 19, true),
            (Framing::Chunked, "a;x=\"y z\"\r\n0123456789\r\n0\r\n\r\n", "0123456789", 28, true),
            (Framing::Chunked, "0\r\nX-Sum: 1\r\nY:\r\n\r\n", "", 19, true),
            (Framing::Chunked, "3\r\nab", "ab", 5, false),
            (Framing::Chunked, "0\r\n", "", 3, false),
        ] {
            assert_eq!(decode(framing, input), Ok((data.into(), consumed, done)), "{framing:?} {input:?}");
        }
    }

    #[test]
    fn malformed_chunks() {
        let long_extension = format!("1;{}\r\na\r\n", "x".repeat(300));
        let long_trailer = format!("0\r\na: {}\r\n\r\n", "x".repeat(20_000));
        for input in [
            "\r\n",
            "x\r\n",
            "-1\r\n",
            "+1\r\na",
            "0x1\r\na",
            " 1\r\na",
            "1 \r\na",
            "1\na\n",
            "1\r\nab\r\n",
            "1\r\na\n0\r\n",
            "1\ra",
            "11111111111111111\r\n",
            "1;a\nb\r\n",
            "1;\0\r\n",
            "0\r\n a: b\r\n\r\n",
            "0\r\na b: c\r\n\r\n",
            "0\r\na: b\n\r\n",
            "0\r\n\n",
            "0\r\na\r\n\r\n",
            &long_extension,
            &long_trailer,
        ] {
            assert!(decode(Framing::Chunked, input).is_err(), "{input:?}");
        }
    }

    #[test]
    fn the_end_of_the_connection_ends_only_what_is_framed_so() {
        for (framing, input, whole) in [
            (Framing::UntilClose, "ab", true),
            (Framing::Length(2), "ab", true),
            (Framing::Length(3), "ab", false),
            (Framing::Chunked, "2\r\nab\r\n", false),
        ] {
            let mut body = Body::new(framing);
            body.compact(&mut input.as_bytes().to_vec()).unwrap();
            assert_eq!(body.may_close(), whole, "{framing:?}");
        }
    }
}
