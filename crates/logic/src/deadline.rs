//! The time that a caller still waits.
//!
//! Source: the `grpc-timeout` header of "gRPC over HTTP2" (PROTOCOL-HTTP2.md of gRPC): at most eight digits and a unit.

use std::time::Duration;

const DIGITS_MAX: usize = 8;
/// The units and the nanoseconds of each.
const UNITS: [(u8, u64); 6] = [
    (b'n', 1),
    (b'u', 1_000),
    (b'm', 1_000_000),
    (b'S', 1_000_000_000),
    (b'M', 60_000_000_000),
    (b'H', 3_600_000_000_000),
];

/// The value of a `grpc-timeout` header; `None` if it is not one. Zero is taken for what it says.
pub fn parse_grpc_timeout(value: &[u8]) -> Option<Duration> {
    let (unit, digits) = value.split_last()?;
    let (_, nanos) = UNITS.iter().find(|(letter, _)| letter == unit)?;
    if digits.is_empty() || digits.len() > DIGITS_MAX || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = digits.iter().fold(0, |number, digit| number * 10 + u64::from(digit - b'0'));
    Some(Duration::from_nanos_u128(u128::from(number) * u128::from(*nanos)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses() {
        for (value, expected) in [
            ("1H", Some(Duration::from_secs(3600))),
            ("2M", Some(Duration::from_secs(120))),
            ("3S", Some(Duration::from_secs(3))),
            ("4m", Some(Duration::from_millis(4))),
            ("5u", Some(Duration::from_micros(5))),
            ("6n", Some(Duration::from_nanos(6))),
            ("0n", Some(Duration::ZERO)),
            ("007S", Some(Duration::from_secs(7))),
            ("99999999H", Some(Duration::from_secs(99_999_999 * 3600))),
            ("100000000n", None),
            ("", None),
            ("S", None),
            ("1", None),
            ("1s", None),
            ("1h", None),
            ("-1S", None),
            ("+1S", None),
            (" 1S", None),
            ("1S ", None),
            ("1.5S", None),
            ("1 S", None),
            ("\u{661}S", None),
        ] {
            assert_eq!(parse_grpc_timeout(value.as_bytes()), expected, "{value:?}");
        }
    }
}
