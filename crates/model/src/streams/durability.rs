//! What an acknowledgement of a stream promises, in its metadata: JetStream itself has nothing for this.

use std::{collections::BTreeMap, fmt, ops::RangeInclusive, str::FromStr, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{format_duration, parse_duration};

/// The key of a stream's metadata that says it: `always`, `interval:10ms` or `none`.
pub const DURABILITY_KEY: &str = "isles.durability";
const INTERVAL: &str = "interval:";

/// What an acknowledgement promises.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Durability {
    /// The message is on disk: it survives the loss of power.
    #[default]
    Always,
    /// It is written, and on disk within this time.
    Interval(Duration),
    /// It is written; when the disk gets it is up to the host.
    None,
}

/// Why a text is no durability.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{DURABILITY_KEY} must be always, none or interval:TIME with a time from 1ms to 1m, such as interval:10ms")]
pub struct InvalidDurability;

impl Durability {
    /// The intervals that there may be.
    pub const INTERVALS: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(60);

    /// As a stream's metadata says it.
    ///
    /// # Errors
    /// When it says something else.
    pub fn read(metadata: &BTreeMap<String, String>) -> Result<Self, InvalidDurability> {
        metadata.get(DURABILITY_KEY).map_or(Ok(Self::default()), |text| text.parse())
    }
}

impl FromStr for Durability {
    type Err = InvalidDurability;
    fn from_str(text: &str) -> Result<Self, InvalidDurability> {
        match text {
            "always" => Ok(Self::Always),
            "none" => Ok(Self::None),
            _ => {
                let time = text.strip_prefix(INTERVAL).and_then(|time| parse_duration(time).ok());
                time.filter(|time| Self::INTERVALS.contains(time)).map(Self::Interval).ok_or(InvalidDurability)
            }
        }
    }
}

impl fmt::Display for Durability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Always => f.write_str("always"),
            Self::Interval(time) => write!(f, "{INTERVAL}{}", format_duration(*time)),
            Self::None => f.write_str("none"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durabilities() {
        for (text, expected) in [
            ("always", Ok(Durability::Always)),
            ("none", Ok(Durability::None)),
            ("interval:10ms", Ok(Durability::Interval(Duration::from_millis(10)))),
            ("interval:1m", Ok(Durability::Interval(Duration::from_secs(60)))),
            ("interval:999us", Err(InvalidDurability)),
            ("interval:1m1s", Err(InvalidDurability)),
            ("interval:", Err(InvalidDurability)),
            ("interval", Err(InvalidDurability)),
            ("10ms", Err(InvalidDurability)),
            ("Always", Err(InvalidDurability)),
            ("", Err(InvalidDurability)),
        ] {
            let metadata = [(DURABILITY_KEY.to_owned(), text.to_owned())].into();
            assert_eq!(Durability::read(&metadata), expected, "{text}");
            assert!(expected.is_err() || expected.is_ok_and(|durability| durability.to_string() == text));
        }
        assert_eq!(Durability::read(&BTreeMap::new()), Ok(Durability::Always));
    }
}
