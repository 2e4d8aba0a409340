//! What an answer says about who gave it.

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
