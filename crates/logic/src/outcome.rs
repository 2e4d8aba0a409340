//! What an answer says about who gave it.
//!
//! It is told when its head is there, for what it opens may last for days. What breaks off, or ends with a failure, soon after
//! was no success: the failure takes its place, and the run that it had ended goes on. Later it is one failure more.

use std::time::Duration;

use model::Timestamp;

/// What an answer says about the health of its instance and service. A failed connection and a timeout are failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The request was served, whatever the answer.
    Success,
    /// It could not be served.
    Failure,
    /// It was turned away for there being too many.
    Limited,
}

/// How an answer began, and what that told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Begun {
    /// What its head said.
    pub outcome: Outcome,
    /// When that was told.
    pub at: Timestamp,
    /// The failures in a row before it, of the service.
    pub service_run: u32,
    /// The same of the instance.
    pub instance_run: u8,
}

/// What is left to tell at the end of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turned {
    /// What it was, or what followed.
    pub outcome: Outcome,
    /// The success that it takes the place of; `None` if it is one more.
    pub instead_of: Option<Begun>,
}

impl Begun {
    /// What the end tells beside the beginning: `None` while that holds. A success has to last for `lasting`.
    pub fn turned(self, end: Option<Outcome>, now: Timestamp, lasting: Duration) -> Option<Turned> {
        let outcome = end.filter(|end| self.outcome == Outcome::Success && *end != Outcome::Success)?;
        Some(Turned { outcome, instead_of: (now.since(self.at) < lasting).then_some(self) })
    }
}

impl Outcome {
    /// That of an HTTP status and, where there is one, the gRPC status of the trailers.
    ///
    /// A failure is any 5xx but 501 and 505, which speak of the request and not of the server (RFC 9110 sections 15.6.2
    /// and 15.6.6), and gRPC's `UNKNOWN`, `DEADLINE_EXCEEDED`, `INTERNAL`, `UNAVAILABLE` and `DATA_LOSS`; limited are
    /// 429 (RFC 6585) and `RESOURCE_EXHAUSTED`.
    pub fn of(status: u16, grpc: Option<u8>) -> Self {
        match (status, grpc) {
            (429, _) | (_, Some(8)) => Self::Limited,
            (501 | 505, _) => Self::Success,
            (500..=599, _) | (_, Some(2 | 4 | 13 | 14 | 15)) => Self::Failure,
            _ => Self::Success,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_turns_out_otherwise() {
        use Outcome::{Failure, Limited, Success};
        let (at, lasting) = (Timestamp(1_790_000_000_000_000), Duration::from_secs(30));
        for (outcome, end, after, expected) in [
            (Success, Some(Success), 0, None),
            (Success, None, 0, None),
            (Success, Some(Failure), 29, Some((Failure, true))),
            (Success, Some(Limited), 0, Some((Limited, true))),
            (Success, Some(Failure), 30, Some((Failure, false))),
            (Failure, Some(Failure), 0, None),
            (Limited, Some(Failure), 0, None),
            (Failure, Some(Success), 0, None),
        ] {
            let begun = Begun { outcome, at, service_run: 3, instance_run: 2 };
            let turned = begun.turned(end, at + Duration::from_secs(after), lasting);
            let expected = expected.map(|(outcome, instead)| Turned { outcome, instead_of: instead.then_some(begun) });
            assert_eq!(turned, expected, "{outcome:?} {end:?} {after}");
        }
    }

    #[test]
    fn outcomes() {
        for (status, grpc, expected) in [
            (101, None, Outcome::Success),
            (200, None, Outcome::Success),
            (404, None, Outcome::Success),
            (429, None, Outcome::Limited),
            (499, None, Outcome::Success),
            (500, None, Outcome::Failure),
            (501, None, Outcome::Success),
            (502, None, Outcome::Failure),
            (503, None, Outcome::Failure),
            (504, None, Outcome::Failure),
            (505, None, Outcome::Success),
            (599, None, Outcome::Failure),
            (600, None, Outcome::Success),
            (503, Some(8), Outcome::Limited),
        ] {
            assert_eq!(Outcome::of(status, grpc), expected, "{status} {grpc:?}");
        }
        let failures: Vec<u8> = (0..20).filter(|grpc| Outcome::of(200, Some(*grpc)) == Outcome::Failure).collect();
        let limited: Vec<u8> = (0..20).filter(|grpc| Outcome::of(200, Some(*grpc)) == Outcome::Limited).collect();
        assert_eq!((failures.as_slice(), limited.as_slice()), (&[2, 4, 13, 14, 15][..], &[8][..]));
    }
}
