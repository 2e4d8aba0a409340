//! Answers of our own: `application/problem+json` (RFC 9457).

use std::{io::Write, time::Duration};

use model::{Problem, Reason};
use wire::http1::{HeadError, HeadErrorKind};

/// Why a request is not answered by an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) reason: Reason,
    /// What happened this time; may be empty.
    pub(crate) detail: String,
    /// When it may be worth another try.
    pub(crate) retry_after: Option<Duration>,
}

impl Fault {
    pub(crate) fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into(), retry_after: None }
    }

    pub(crate) fn retry_after(self, wait: Duration) -> Self {
        Self { retry_after: Some(wait), ..self }
    }

    /// A response that was refused by the codec.
    pub(crate) fn of_response(error: HeadError) -> Self {
        let reason = match error.kind {
            HeadErrorKind::TooLarge => Reason::ResponseTooLarge,
            _ => Reason::BadResponse,
        };
        Self::new(reason, error.detail)
    }

    /// A request that was refused by the codec.
    pub(crate) fn of_request(error: HeadError) -> Self {
        let reason = match error.kind {
            HeadErrorKind::Malformed => Reason::BadRequest,
            HeadErrorKind::TooLarge => Reason::HeadTooLarge,
            HeadErrorKind::TargetTooLong => Reason::TargetTooLong,
            HeadErrorKind::NotImplemented => Reason::NotImplemented,
        };
        Self::new(reason, error.detail)
    }
}

/// The whole answer. Without `keep_alive` it says that the connection ends.
pub(crate) fn write(problem: &Problem, fault: &Fault, to_head: bool, keep_alive: Option<&str>, out: &mut Vec<u8>) {
    let reason = fault.reason;
    let body = serde_json::to_vec(problem).expect("a problem has only text, numbers and lists");
    let (status, phrase, code) = (reason.status(), phrase(reason.status()), reason.code());
    write!(
        out,
        "HTTP/1.1 {status} {phrase}\r\ncontent-type: application/problem+json\r\ncontent-length: {}\r\n\
         x-isles-reason: {code}\r\n",
        body.len()
    )
    .expect("a Vec takes every write");
    if let Some(wait) = fault.retry_after {
        write!(out, "retry-after: {}\r\n", wait.as_millis().div_ceil(1000).max(1)).expect("a Vec takes every write");
    }
    if reason == Reason::Http2Required {
        out.extend_from_slice(b"upgrade: h2c\r\nconnection: upgrade\r\n");
    }
    if let Some(option) = keep_alive {
        write!(out, "connection: {option}\r\n").expect("a Vec takes every write");
    }
    out.extend_from_slice(b"\r\n");
    if !to_head {
        out.extend_from_slice(&body);
    }
}

/// The reason phrases of RFC 9110 section 15 for the statuses that reasons have.
fn phrase(status: u16) -> &'static str {
    match status {
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        408 => "Request Timeout",
        413 => "Content Too Large",
        414 => "URI Too Long",
        421 => "Misdirected Request",
        426 => "Upgrade Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_a_phrase() {
        for reason in Reason::ALL {
            assert_ne!(phrase(reason.status()), "Error", "{reason}");
        }
    }

    #[test]
    fn an_answer() {
        let mut out = Vec::new();
        let fault = Fault::new(Reason::NoRoute, "");
        write(&Problem::of(Reason::NoRoute), &fault, false, Some("close"), &mut out);
        let text = String::from_utf8(out.clone()).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 404 Not Found\r\n") && head.ends_with("connection: close"), "{head}");
        assert!(head.contains(&format!("content-length: {}\r\n", body.len())));
        assert_eq!(serde_json::from_str::<Problem>(body).unwrap(), Problem::of(Reason::NoRoute));
        let length = out.len() - body.len();
        out.clear();
        write(&Problem::of(Reason::NoRoute), &fault, true, Some("close"), &mut out);
        assert_eq!(out.len(), length, "an answer to HEAD has no body");
    }
}
