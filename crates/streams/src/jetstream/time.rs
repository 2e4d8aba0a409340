//! Times as JetStream writes them: RFC 3339 in UTC with as many decimals as there are. "None" is the year 1, Go's zero time.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What stands for "no time" where a time must be written.
const ZERO: &str = "0001-01-01T00:00:00Z";

/// An optional time, of which "none" is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time(
    /// The time.
    pub Option<Timestamp>,
);

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Some(time) => serializer.collect_str(&time),
            None => serializer.serialize_str(ZERO),
        }
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let time = Timestamp::deserialize(deserializer)?;
        Ok(Self(Some(time).filter(|time| time.to_string() != ZERO)))
    }
}

impl From<Timestamp> for Time {
    fn from(time: Timestamp) -> Self {
        Self(Some(time))
    }
}

/// A moment as the API writes it.
pub(crate) fn time(at: model::Timestamp) -> Timestamp {
    i64::try_from(at.0).ok().and_then(|micros| Timestamp::from_microsecond(micros).ok()).unwrap_or(Timestamp::MAX)
}

/// The same, read.
pub(crate) fn timestamp(at: Timestamp) -> model::Timestamp {
    model::Timestamp(u64::try_from(at.as_microsecond()).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::Time;

    #[test]
    fn texts() {
        for (text, expected) in [
            ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z"),
            ("2026-01-02T03:04:05.000000100Z", "2026-01-02T03:04:05.0000001Z"),
            ("2026-01-02T03:04:05.5+02:00", "2026-01-02T01:04:05.5Z"),
            ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
        ] {
            let time: Time = serde_json::from_value(text.into()).unwrap();
            assert_eq!(time.0.is_none(), text.starts_with("0001"), "{text}");
            assert_eq!(serde_json::to_value(time).unwrap(), expected);
        }
        for text in ["", "yesterday", "2026-01-02", "2026-01-02T03:04:05"] {
            assert!(serde_json::from_value::<Time>(text.into()).is_err(), "{text}");
        }
    }
}
