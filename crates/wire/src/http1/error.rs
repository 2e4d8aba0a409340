//! Why a message was refused.

use std::fmt;

/// What kind of refusal it is; each has its own status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeadErrorKind {
    /// Not as RFC 9112 writes it (400; 502 in a response).
    Malformed,
    /// More bytes or fields than allowed (431).
    TooLarge,
    /// The request target is longer than allowed (414).
    TargetTooLong,
    /// A method, transfer coding or version that is not supported (501).
    NotImplemented,
}

/// Why a message was refused. After it, the place where the next message begins is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeadError {
    /// What kind of refusal it is.
    pub kind: HeadErrorKind,
    /// What exactly was wrong: a clause that stands alone.
    pub detail: &'static str,
}

impl HeadError {
    pub(crate) const fn malformed(detail: &'static str) -> Self {
        Self { kind: HeadErrorKind::Malformed, detail }
    }

    pub(crate) const fn too_large(detail: &'static str) -> Self {
        Self { kind: HeadErrorKind::TooLarge, detail }
    }

    pub(crate) const fn not_implemented(detail: &'static str) -> Self {
        Self { kind: HeadErrorKind::NotImplemented, detail }
    }
}

impl From<httparse::Error> for HeadError {
    fn from(error: httparse::Error) -> Self {
        use httparse::Error;
        match error {
            Error::HeaderName => Self::malformed("a field name is not a token, or a blank stands before the colon"),
            Error::HeaderValue => Self::malformed("a field value contains a control character"),
            Error::NewLine => Self::malformed("a line does not end with CR LF"),
            Error::Status => Self::malformed("the status line is malformed"),
            Error::Token => Self::malformed("the request line is malformed"),
            Error::TooManyHeaders => Self::too_large("too many fields"),
            Error::Version => Self::not_implemented("the version is not HTTP/1.0 or HTTP/1.1"),
        }
    }
}

impl fmt::Display for HeadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.detail)
    }
}

impl std::error::Error for HeadError {}
