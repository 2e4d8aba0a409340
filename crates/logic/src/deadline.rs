//! The time that a call has left, hop by hop.
//!
//! Source: the `grpc-timeout` header of "gRPC over HTTP2" (PROTOCOL-HTTP2.md of gRPC): at most eight digits and a unit.

use std::{fmt, time::Duration};

use model::Timestamp;

const DIGITS_MAX: usize = 8;
/// The units from the finest to the coarsest, and the nanoseconds of each.
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

/// Shows a time as the value of a `grpc-timeout` header, in the finest unit that it fits: rounded down, so that a
/// deadline only ever shrinks.
#[derive(Debug, Clone, Copy)]
pub struct GrpcTimeout(
    /// The time left.
    pub Duration,
);

impl fmt::Display for GrpcTimeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const LARGEST: u128 = 99_999_999;
        let in_unit = UNITS.map(|(letter, nanos)| (self.0.as_nanos() / u128::from(nanos), letter));
        let (number, letter) = in_unit.into_iter().find(|(number, _)| *number <= LARGEST).unwrap_or((LARGEST, b'H'));
        write!(f, "{number}{}", char::from(letter))
    }
}

/// When a call that comes in now has to be over: after the time that the caller gave it or that the policy gives it,
/// whichever is shorter.
pub fn deadline(now: Timestamp, policy: Duration, caller: Option<Duration>) -> Timestamp {
    now + caller.map_or(policy, |caller| caller.min(policy))
}

/// The time left until the deadline; `None` once it has passed.
pub fn remaining(deadline: Timestamp, now: Timestamp) -> Option<Duration> {
    (now < deadline).then(|| deadline.since(now))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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

    #[test]
    fn shows() {
        for (time, expected) in [
            (Duration::ZERO, "0n"),
            (Duration::from_nanos(99_999_999), "99999999n"),
            (Duration::from_nanos(100_000_000), "100000u"),
            (Duration::from_nanos(1_234_567_899), "1234567u"),
            (Duration::from_secs(15), "15000000u"),
            (Duration::from_secs(100), "100000m"),
            (Duration::from_secs(100_000), "100000S"),
            (Duration::from_secs(100_000_059), "1666667M"),
            (Duration::MAX, "99999999H"),
        ] {
            assert_eq!(GrpcTimeout(time).to_string(), expected);
        }
    }

    #[test]
    fn the_shorter_time_counts() {
        let (now, second) = (Timestamp(1000), Duration::from_secs(1));
        for (policy, caller, expected) in
            [(second, None, second), (second, Some(second * 2), second), (second * 2, Some(second), second)]
        {
            assert_eq!(deadline(now, policy, caller), now + expected);
        }
    }

    #[test]
    fn what_remains() {
        for (now, expected) in [(9, Some(1)), (10, None), (11, None)] {
            assert_eq!(remaining(Timestamp(10), Timestamp(now)), expected.map(Duration::from_micros));
        }
    }

    proptest! {
        #[test]
        fn shrinks_by_less_than_a_millionth_and_never_grows(nanos in 0..u64::MAX) {
            let time = Duration::from_nanos(nanos);
            let back = parse_grpc_timeout(GrpcTimeout(time).to_string().as_bytes()).unwrap();
            prop_assert!(back <= time);
            prop_assert!((time - back).as_nanos() * 1_000_000 <= time.as_nanos());
        }
    }
}
