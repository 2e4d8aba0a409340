//! Durations and sizes as people write them.

use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Serialize};

/// Why a text is not a duration or a size.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseUnitError {
    /// Not a duration.
    #[error("`{0}` is not a duration: write a number and a unit, such as `500ms`, `2s`, `1m30s` or `1h`")]
    Duration(String),
    /// Not a size.
    #[error("`{0}` is not a size: write a number and a unit, such as `512KiB`, `64MiB`, `1GiB` or `500MB`")]
    Size(String),
}

const DURATIONS: [(&str, u64); 6] =
    [("us", 1), ("ms", 1_000), ("s", 1_000_000), ("m", 60_000_000), ("h", 3_600_000_000), ("d", 86_400_000_000)];

const SIZES: [(&str, u64); 9] = [
    ("B", 1),
    ("kB", 1_000),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];

/// `1m30s`, `200ms` or `1.5s`.
///
/// # Errors
/// When a unit is missing or unknown, or the result overflows.
pub fn parse_duration(text: &str) -> Result<Duration, ParseUnitError> {
    parse_sum(text, &DURATIONS).map(Duration::from_micros).ok_or_else(|| ParseUnitError::Duration(text.into()))
}

/// The shortest text that [`parse_duration`] reads back as the same duration (to the microsecond).
pub fn format_duration(duration: Duration) -> String {
    let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    if micros == 0 {
        return "0s".into();
    }
    let mut rest = micros;
    let mut text = String::new();
    for (unit, size) in DURATIONS.iter().rev() {
        if rest >= *size {
            text.push_str(&format!("{}{unit}", rest / size));
            rest %= size;
        }
    }
    text
}

fn parse_sum(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let mut rest = text.trim();
    let mut total = 0_u64;
    let mut terms = 0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let unit_end = rest[digits..].find(|c: char| c.is_ascii_digit()).map_or(rest.len(), |i| digits + i);
        let (number, unit) = (&rest[..digits], rest[digits..unit_end].trim());
        let size = units.iter().find(|(name, _)| *name == unit)?.1;
        total = total.checked_add(scale(number, size)?)?;
        rest = &rest[unit_end..];
        terms += 1;
    }
    (terms > 0).then_some(total)
}

fn scale(number: &str, size: u64) -> Option<u64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let mut value = whole.parse::<u64>().ok()?.checked_mul(size)?;
    if number.contains('.') {
        let digits = u32::try_from(fraction.len()).ok().filter(|d| (1..=9).contains(d))?;
        value = value.checked_add(fraction.parse::<u64>().ok()?.checked_mul(size)? / 10_u64.pow(digits))?;
    }
    Some(value)
}

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ByteSize(pub u64);

impl FromStr for ByteSize {
    type Err = ParseUnitError;
    fn from_str(text: &str) -> Result<Self, ParseUnitError> {
        let one_term = text
            .trim()
            .find(|c: char| c.is_ascii_alphabetic())
            .is_some_and(|unit| text.trim()[unit..].chars().all(|c| c.is_ascii_alphabetic()));
        let size = if one_term { parse_sum(text, &SIZES) } else { None };
        size.map(Self).ok_or_else(|| ParseUnitError::Size(text.into()))
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, size) = [("GiB", 1_u64 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)]
            .into_iter()
            .find(|(_, size)| self.0 >= *size)
            .unwrap_or(("B", 1));
        if self.0.is_multiple_of(size) {
            write!(f, "{}{unit}", self.0 / size)
        } else {
            write!(f, "{}.{}{unit}", self.0 / size, self.0 % size * 10 / size)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, micros) in
            [("2s", 2_000_000), ("200ms", 200_000), ("1m30s", 90_000_000), ("1.5s", 1_500_000), ("0s", 0), ("5us", 5)]
        {
            assert_eq!(parse_duration(text), Ok(Duration::from_micros(micros)), "{text}");
            assert_eq!(parse_duration(&format_duration(Duration::from_micros(micros))), parse_duration(text));
        }
        for text in ["", "2", "s", "2 parsecs", "-1s", "1..5s", ".s", "99999999999999d", "1.s"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes() {
        for (text, bytes, shown) in [
            ("64MiB", 64 << 20, "64MiB"),
            ("500MB", 500_000_000, "476.8MiB"),
            ("1B", 1, "1B"),
            ("1.5GiB", 3 << 29, "1.5GiB"),
            ("0B", 0, "0B"),
        ] {
            assert_eq!(text.parse(), Ok(ByteSize(bytes)), "{text}");
            assert_eq!(ByteSize(bytes).to_string(), shown);
        }
        for text in ["", "64", "MiB", "64mib", "1MiB2KiB", "-1B", "1e3B", "99999999999TiB"] {
            assert!(text.parse::<ByteSize>().is_err(), "{text}");
        }
    }
}
