//! What is safe to send again.

use std::time::Duration;

/// A connection that had been idle and closes so soon after it got a request was about to close anyway. No program of a host takes
/// longer for it, and few requests that fail at their work do it so fast.
const RACE_MAX: Duration = Duration::from_millis(50);

/// How much of a request has gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sent {
    /// Not a byte.
    Nothing,
    /// Some of it, and all of it is still here.
    Kept,
    /// Some of it that is no longer here.
    Spent,
}

/// What is known of a request that failed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attempted {
    pub(crate) sent: Sent,
    /// Some byte of a response arrived.
    pub(crate) received: bool,
    /// The method is idempotent (RFC 9110 section 9.2.2).
    pub(crate) idempotent: bool,
}

/// Whether the request may be sent again: it was not sent at all, or it was not answered, may be done twice and is still here.
pub(crate) fn is_safe(attempted: Attempted) -> bool {
    let again = match attempted.sent {
        Sent::Nothing => true,
        Sent::Kept => attempted.idempotent,
        Sent::Spent => false,
    };
    again && !attempted.received
}

/// Whether a connection that had been idle, and closed without an answer so long after the last byte it got, closed as it was used:
/// then the instance has not failed.
pub(crate) fn is_race(sent: Sent, after: Duration) -> bool {
    sent == Sent::Nothing || after <= RACE_MAX
}

/// Whether a method is idempotent.
pub(crate) fn is_idempotent(method: &[u8]) -> bool {
    matches!(method, b"GET" | b"HEAD" | b"OPTIONS" | b"TRACE" | b"PUT" | b"DELETE")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_safe() {
        for (sent, received, idempotent, safe) in [
            (Sent::Nothing, false, false, true),
            (Sent::Nothing, false, true, true),
            (Sent::Kept, false, false, false),
            (Sent::Kept, false, true, true),
            (Sent::Kept, true, false, false),
            (Sent::Kept, true, true, false),
            (Sent::Spent, false, false, false),
            (Sent::Spent, false, true, false),
        ] {
            assert_eq!(is_safe(Attempted { sent, received, idempotent }), safe, "{sent:?} {received} {idempotent}");
        }
        for (method, idempotent) in [("GET", true), ("DELETE", true), ("POST", false), ("PATCH", false), ("get", false)]
        {
            assert_eq!(is_idempotent(method.as_bytes()), idempotent, "{method}");
        }
    }

    #[test]
    fn what_is_a_race() {
        let (soon, late) = (RACE_MAX, RACE_MAX + Duration::from_micros(1));
        for (sent, after, race) in [
            (Sent::Nothing, late, true),
            (Sent::Kept, soon, true),
            (Sent::Kept, late, false),
            (Sent::Spent, soon, true),
        ] {
            assert_eq!(is_race(sent, after), race, "{sent:?} {after:?}");
        }
    }
}
