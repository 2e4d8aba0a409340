//! Spans of time: integers of nanoseconds in JSON, and the short texts that Go writes (`1m30s`) in statuses and delays.

use std::fmt;

use serde::{Deserialize, Serialize};

const MICROSECOND: i64 = 1_000;
const MILLISECOND: i64 = 1_000 * MICROSECOND;
const SECOND: i64 = 1_000 * MILLISECOND;
const UNITS: [(&str, i64); 8] = [
    ("ns", 1),
    ("us", MICROSECOND),
    ("µs", MICROSECOND),
    ("μs", MICROSECOND),
    ("ms", MILLISECOND),
    ("s", SECOND),
    ("m", 60 * SECOND),
    ("h", 3_600 * SECOND),
];

/// A span of time in nanoseconds; 0 stands for "not given", and some keys take a negative one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Nanos(
    /// The nanoseconds.
    pub i64,
);

impl Nanos {
    /// That many seconds, as far as they fit.
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(SECOND))
    }

    /// Reads a text of Go's `time.ParseDuration`: numbers with units, `1h15m30.5s`.
    pub fn parse(text: &str) -> Option<Self> {
        let (sign, mut rest) = match text.as_bytes().first()? {
            b'-' => (-1, &text[1..]),
            b'+' => (1, &text[1..]),
            _ => (1, text),
        };
        if rest == "0" {
            return Some(Self(0));
        }
        let mut total = 0_i64;
        loop {
            let (nanos, after) = part(rest)?;
            total = total.checked_add(nanos)?;
            rest = after;
            if rest.is_empty() {
                return Some(Self(sign * total));
            }
        }
    }
}

/// The first number with its unit, in nanoseconds, and what follows it.
fn part(text: &str) -> Option<(i64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, rest) = text.split_at(end);
    let after = rest.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(rest.len());
    let (unit, rest) = rest.split_at(after);
    let (_, size) = UNITS.iter().find(|(name, _)| *name == unit)?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let whole: i64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    Some((whole.checked_mul(*size)?.checked_add(parts_of(fraction, *size)?)?, rest))
}

/// The digits after the point, of a unit of that many nanoseconds; what is less than one is left out.
fn parts_of(fraction: &str, size: i64) -> Option<i64> {
    let (mut sum, mut weight) = (0, size);
    for digit in fraction.chars() {
        // Of a unit of whole hours a tenth is exact down to 1e-11 hours, which is less than a nanosecond.
        let nanos = i64::from(digit.to_digit(10)?) * weight;
        sum += nanos / 10;
        weight /= 10;
    }
    Some(sum)
}

/// As Go's `Duration.String`: `1h0m0s`, `1.5s`, `100ms`, `0s`.
impl fmt::Display for Nanos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, nanos) = (if self.0 < 0 { "-" } else { "" }, self.0.unsigned_abs());
        let second = SECOND.unsigned_abs();
        let (unit, size) = match nanos {
            0 => return f.write_str("0s"),
            1..1_000 => ("ns", 1),
            1_000..1_000_000 => ("µs", MICROSECOND.unsigned_abs()),
            1_000_000..1_000_000_000 => ("ms", MILLISECOND.unsigned_abs()),
            _ => ("s", second),
        };
        f.write_str(sign)?;
        let (hours, minutes) = (nanos / second / 3_600, nanos / second / 60 % 60);
        if hours > 0 {
            write!(f, "{hours}h")?;
        }
        if hours > 0 || minutes > 0 {
            write!(f, "{minutes}m")?;
        }
        let rest = if unit == "s" { nanos % (60 * second) } else { nanos };
        write!(f, "{}{}{unit}", rest / size, decimals(rest % size, size))
    }
}

fn decimals(part: u64, size: u64) -> String {
    if part == 0 {
        return String::new();
    }
    let width = size.ilog10() as usize;
    format!(".{part:0width$}").trim_end_matches('0').to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Nanos;

    #[test]
    fn texts() {
        for (nanos, text) in [
            (0, "0s"),
            (1, "1ns"),
            (1_500, "1.5µs"),
            (100_000_000, "100ms"),
            (1_500_000_000, "1.5s"),
            (60_000_000_000, "1m0s"),
            (3_600_000_000_000, "1h0m0s"),
            (-90_061_000_000_001, "-25h1m1.000000001s"),
        ] {
            assert_eq!(Nanos(nanos).to_string(), text);
            assert_eq!(Nanos::parse(text), Some(Nanos(nanos)), "{text}");
        }
    }

    #[test]
    fn other_texts() {
        for (text, expected) in [
            ("0", Some(0)),
            ("+1.5h", Some(5_400_000_000_000)),
            (".5s", Some(500_000_000)),
            ("1us2μs", Some(3_000)),
            ("", None),
            ("-", None),
            ("5", None),
            ("s", None),
            (".s", None),
            ("1.2.3s", None),
            ("1 s", None),
            ("1d", None),
            ("9223372036854775808ns", None),
            ("3000000h", None),
        ] {
            assert_eq!(Nanos::parse(text), expected.map(Nanos), "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_span_is_read_as_it_was_written(nanos in -i64::MAX..i64::MAX) {
            prop_assert_eq!(Nanos::parse(&Nanos(nanos).to_string()), Some(Nanos(nanos)));
        }
    }
}
