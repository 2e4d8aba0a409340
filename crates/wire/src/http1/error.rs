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

impl fmt::Display for HeadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.detail)
    }
}

impl std::error::Error for HeadError {}
