//! From which message on.

use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{Timestamp, format_duration, parse_duration};

/// From which message on: `first`, `last`, `new` (only those to come), a sequence, a time such as `2026-11-26T08:00:00Z` (RFC
/// 3339), or how long ago, such as `10m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(try_from = "String", into = "String")]
pub enum Start {
    /// The oldest.
    First,
    /// The newest.
    Last,
    /// The next one to come.
    New,
    /// The one with this sequence, or the next after it.
    Sequence(u64),
    /// The first one that was stored at this moment or later.
    Time(Timestamp),
    /// The first one that is not older than this.
    Ago(Duration),
}

/// A text is not a [`Start`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no place to start: give a sequence, `first`, `last`, `new`, a time such as 2026-11-26T08:00:00Z, or how long \
         ago, such as 10m"
)]
pub struct ParseStartError(String);

impl FromStr for Start {
    type Err = ParseStartError;

    fn from_str(text: &str) -> Result<Self, ParseStartError> {
        let sequence =
            || text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit())).map(Self::Sequence);
        let time = || Timestamp::from_rfc3339(text).map(Self::Time);
        let ago = || parse_duration(text).ok().map(Self::Ago);
        match text {
            "first" => Ok(Self::First),
            "last" => Ok(Self::Last),
            "new" => Ok(Self::New),
            _ => sequence().or_else(time).or_else(ago).ok_or_else(|| ParseStartError(text.into())),
        }
    }
}

impl fmt::Display for Start {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::First => f.write_str("first"),
            Self::Last => f.write_str("last"),
            Self::New => f.write_str("new"),
            Self::Sequence(sequence) => sequence.fmt(f),
            Self::Time(at) => f.write_str(&at.to_rfc3339()),
            Self::Ago(age) => f.write_str(&format_duration(*age)),
        }
    }
}

impl TryFrom<String> for Start {
    type Error = ParseStartError;

    fn try_from(text: String) -> Result<Self, ParseStartError> {
        text.parse()
    }
}

impl From<Start> for String {
    fn from(start: Start) -> Self {
        start.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_and_what_they_mean() {
        for (text, start) in [
            ("first", Start::First),
            ("last", Start::Last),
            ("new", Start::New),
            ("7", Start::Sequence(7)),
            ("1970-01-01T00:00:01.5Z", Start::Time(Timestamp(1_500_000))),
            ("10m", Start::Ago(Duration::from_secs(600))),
        ] {
            assert_eq!(text.parse(), Ok(start));
            assert_eq!(start.to_string(), text);
        }
        for text in ["", "First", "+7", "-1", "10", "yesterday", "2026-11-26", "99999999999999999999"] {
            assert_eq!(text.parse::<Start>().is_err(), text != "10", "{text}");
        }
    }
}
