//! What a failure is taken for.

use std::time::Duration;

use crate::outcome::Outcome;

/// What an answer that only says "not me" is counted as, whatever time it took.
pub const GATEWAY_FAILURE_PENALTY: Duration = Duration::from_secs(5);
/// The longest that an instance may ask to be spared.
const LONGEST: Duration = Duration::from_secs(300);

/// Whether a status says that the instance could not do its work: 502, 503 and 504.
pub fn is_gateway_failure(status: u16) -> bool {
    matches!(status, 502..=504)
}

/// The latency to take note of instead of the real one: for an answer that is a failure or says "too many" (see
/// [`Outcome::of`]) the time that it asks for by `retry-after` or `grpc-retry-pushback-ms`, at most 300 s, else
/// [`GATEWAY_FAILURE_PENALTY`]. `None` for any other answer.
pub fn failure_penalty(status: u16, retry_after: Option<Duration>, grpc: Option<u8>) -> Option<Duration> {
    let asked = retry_after.filter(|time| !time.is_zero()).unwrap_or(GATEWAY_FAILURE_PENALTY);
    (Outcome::of(status, grpc) != Outcome::Success).then(|| asked.min(LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gateway_failures() {
        let found: Vec<u16> = (100..600).filter(|status| is_gateway_failure(*status)).collect();
        assert_eq!(found, [502, 503, 504]);
    }

    #[test]
    fn penalties_in_seconds() {
        for (status, retry_after, grpc, expected) in [
            (200, None, None, None),
            (200, Some(7), None, None),
            (404, None, None, None),
            (429, None, None, Some(5)),
            (429, Some(1), None, Some(1)),
            (503, Some(60), None, Some(60)),
            (503, Some(0), None, Some(5)),
            (503, Some(86_400), None, Some(300)),
            (500, None, None, Some(5)),
            (501, None, None, None),
            (200, None, Some(0), None),
            (200, None, Some(5), None),
            (200, None, Some(14), Some(5)),
            (200, Some(2), Some(8), Some(2)),
        ] {
            let found = failure_penalty(status, retry_after.map(Duration::from_secs), grpc);
            assert_eq!(found, expected.map(Duration::from_secs), "{status} {retry_after:?} {grpc:?}");
        }
    }
}
