//! What gRPC asks of a proxy (PROTOCOL-HTTP2 of the gRPC documentation).

use std::fmt::Write;

use http::HeaderMap;
use model::{Problem, Reason};
use wire::http1::RequestHead;

/// Whether a content type is that of gRPC, whatever it is encoded with.
pub(crate) fn is_content_type(value: &[u8]) -> bool {
    const TYPE: &[u8] = b"application/grpc";
    value.get(..TYPE.len()).is_some_and(|start| start.eq_ignore_ascii_case(TYPE))
        && matches!(value.get(TYPE.len()), None | Some(b'+' | b';' | b' '))
}

/// Whether a request is one of gRPC.
pub(crate) fn is_request(request: &RequestHead, head: &[u8]) -> bool {
    let is_type = |name: &[u8]| name.eq_ignore_ascii_case(b"content-type");
    let mut types = request.fields().iter().filter(|field| is_type(field.name.of_head(head)));
    types.any(|field| is_content_type(field.value.of_head(head)))
}

/// What `grpc-status` says, in a head or in trailers.
pub(super) fn status_of(fields: &HeaderMap) -> Option<u8> {
    fields.get("grpc-status")?.to_str().ok()?.parse().ok()
}

/// Whether a trailer is one of gRPC.
pub(super) fn is_trailer(name: &str) -> bool {
    name.starts_with("grpc-")
}

/// The status of gRPC that says the same as a reason: UNAVAILABLE where trying again may help, as the mapping of HTTP statuses in
/// gRPC's documentation has it for 502, 503 and 504, but with DEADLINE_EXCEEDED where it was about time.
pub(super) fn status(reason: Reason) -> u8 {
    const INVALID_ARGUMENT: u8 = 3;
    const DEADLINE_EXCEEDED: u8 = 4;
    const PERMISSION_DENIED: u8 = 7;
    const RESOURCE_EXHAUSTED: u8 = 8;
    const UNIMPLEMENTED: u8 = 12;
    const INTERNAL: u8 = 13;
    const UNAVAILABLE: u8 = 14;
    match reason {
        Reason::BadResponse | Reason::ResponseTooLarge => INTERNAL,
        Reason::ConnectTimeout => UNAVAILABLE,
        _ => match reason.status() {
            403 | 421 => PERMISSION_DENIED,
            404 | 501 => UNIMPLEMENTED,
            413 | 429 | 431 => RESOURCE_EXHAUSTED,
            502 | 503 => UNAVAILABLE,
            408 | 504 => DEADLINE_EXCEEDED,
            _ => INVALID_ARGUMENT,
        },
    }
}

/// What `grpc-message` says: percent-encoded where it is not plain ASCII.
pub(super) fn message(problem: &Problem) -> String {
    let mut message = String::new();
    let Problem { reason, title, detail, hint, .. } = problem;
    let text: [&str; 7] = [reason, ": ", title, "; ", detail, if detail.is_empty() { "" } else { "; " }, hint];
    for byte in text.iter().flat_map(|part| part.bytes()) {
        match byte {
            b' '..=b'~' if byte != b'%' => message.push(byte.into()),
            _ => write!(message, "%{byte:02X}").expect("a String takes every write"),
        }
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_types() {
        for (value, expected) in [
            ("application/grpc", true),
            ("application/grpc+proto", true),
            ("Application/gRPC;x=y", true),
            ("application/grpc-web", false),
            ("application/json", false),
            ("application/grp", false),
        ] {
            assert_eq!(is_content_type(value.as_bytes()), expected, "{value}");
        }
    }

    #[test]
    fn statuses() {
        for (reason, expected) in [
            (Reason::NoUpstream, 14),
            (Reason::Refused, 14),
            (Reason::Reset, 14),
            (Reason::DrainTimeout, 14),
            (Reason::Timeout, 4),
            (Reason::DeadlineExceeded, 4),
            (Reason::RateLimited, 8),
            (Reason::BodyTooLarge, 8),
            (Reason::NoRoute, 12),
            (Reason::NotDeclared, 7),
            (Reason::BadRequest, 3),
            (Reason::BadResponse, 13),
        ] {
            assert_eq!(status(reason), expected, "{reason}");
        }
    }

    #[test]
    fn messages_are_plain_ascii() {
        let message = message(&Problem::of(Reason::Timeout).with_detail("50 % of\nit, ü"));
        assert!(message.starts_with("timeout: ") && message.contains("; 50 %25 of%0Ait, %C3%BC; raise"), "{message}");
    }
}
