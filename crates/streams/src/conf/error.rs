//! What is wrong with a configuration file.

use std::{fmt, rc::Rc};

/// A line of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file, as it was named.
    pub file: Rc<str>,
    /// The line, counted from 1.
    pub line: u32,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// Something in a configuration file that cannot be read, or means nothing here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {cause}")]
pub struct ConfError {
    /// Where it stands.
    pub place: Place,
    /// What is wrong.
    pub cause: String,
    /// What a person can do about it.
    pub hint: String,
}

impl ConfError {
    pub(super) fn new(place: &Place, cause: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { place: place.clone(), cause: cause.into(), hint: hint.into() }
    }
}
