//! What is safe to send again.

/// What is known of a request that failed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attempted {
    /// Some byte of it was sent.
    pub(crate) sent: bool,
    /// Some byte of a response arrived.
    pub(crate) received: bool,
    /// The method is idempotent (RFC 9110 section 9.2.2) and the request has no body.
    pub(crate) repeatable: bool,
}

/// Whether the request may be sent again: it was not sent at all, or it was not answered and may be done twice.
pub(crate) fn is_safe(attempted: Attempted) -> bool {
    !attempted.received && (!attempted.sent || attempted.repeatable)
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
        for (sent, received, repeatable, safe) in [
            (false, false, false, true),
            (false, false, true, true),
            (true, false, false, false),
            (true, false, true, true),
            (true, true, false, false),
            (true, true, true, false),
        ] {
            assert_eq!(is_safe(Attempted { sent, received, repeatable }), safe, "{sent} {received} {repeatable}");
        }
        for (method, idempotent) in [("GET", true), ("DELETE", true), ("POST", false), ("PATCH", false), ("get", false)]
        {
            assert_eq!(is_idempotent(method.as_bytes()), idempotent, "{method}");
        }
    }
}
