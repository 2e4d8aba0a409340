//! Why an operation was refused.

use std::fmt;

/// Why an operation was refused. After it, the place where the next one begins is unknown: the connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParseError {
    /// No operation begins like that, or a payload did not end where it should.
    UnknownOperation,
    /// The arguments of an operation are wrong: a clause that says which.
    Malformed(&'static str),
    /// The control line is longer than allowed.
    LineTooLong,
    /// Headers and payload are larger than allowed.
    PayloadTooLarge,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownOperation => f.write_str("unknown protocol operation"),
            Self::Malformed(what) => f.write_str(what),
            Self::LineTooLong => f.write_str("the control line is too long"),
            Self::PayloadTooLarge => f.write_str("the payload is too large"),
        }
    }
}

impl std::error::Error for ParseError {}
