//! Field lines: what they are, and which of them end at this hop.

use super::head::Span;

/// What a field means to a proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldKind {
    /// `Host`.
    Host,
    /// `Content-Length`.
    ContentLength,
    /// `Transfer-Encoding`.
    TransferEncoding,
    /// `Connection`.
    Connection,
    /// `Upgrade`.
    Upgrade,
    /// `Expect`.
    Expect,
    /// Another field that ends at this hop (RFC 9110 section 7.6.1), by its name or because `Connection` lists it.
    Hop,
    /// `Forwarded`, `X-Forwarded`, `X-Forwarded-*` and `X-Real-IP`: what the gateway alone may say.
    Forwarded,
    /// `X-Isles-*`: what Isles alone may say.
    Isles,
    /// `Grpc-Timeout`: how long the caller waits.
    GrpcTimeout,
    /// `X-Isles-Timeout-Ms`: how long the caller waits, for every other request.
    IslesTimeout,
    /// `Traceparent`: the trace that the request belongs to.
    Traceparent,
    /// `Tracestate`: what goes with it, and means nothing without it.
    Tracestate,
    /// Anything else: forwarded as it is.
    Other,
}

impl FieldKind {
    /// One bit of a set of kinds.
    pub(crate) fn bit(self) -> u32 {
        1 << self as u32
    }

    /// The kind of a field name, in any case.
    pub(crate) fn of(name: &[u8]) -> Self {
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        match name.len() {
            2 if is("te") => Self::Hop,
            4 if is("host") => Self::Host,
            6 if is("expect") => Self::Expect,
            7 if is("upgrade") => Self::Upgrade,
            // No field of HTTP, but CGI programs find it as `HTTP_PROXY` and take it for the way out (CVE-2016-5385).
            5 if is("proxy") => Self::Hop,
            7 if is("trailer") => Self::Hop,
            9 if is("forwarded") || is("x-real-ip") => Self::Forwarded,
            10 if is("connection") => Self::Connection,
            10 if is("keep-alive") => Self::Hop,
            10 if is("tracestate") => Self::Tracestate,
            11 if is("x-forwarded") => Self::Forwarded,
            11 if is("traceparent") => Self::Traceparent,
            12 if is("grpc-timeout") => Self::GrpcTimeout,
            14 if is("content-length") => Self::ContentLength,
            14 if is("http2-settings") => Self::Hop,
            16 if is("proxy-connection") => Self::Hop,
            17 if is("transfer-encoding") => Self::TransferEncoding,
            18 if is("x-isles-timeout-ms") => Self::IslesTimeout,
            8.. if starts_with(name, "x-isles-") => Self::Isles,
            12.. if starts_with(name, "x-forwarded-") => Self::Forwarded,
            _ => Self::Other,
        }
    }

    /// Whether the message's end or its destination hangs on it.
    pub(crate) fn decides_where_to(self) -> bool {
        matches!(self, Self::Host | Self::ContentLength | Self::TransferEncoding)
    }
}

fn starts_with(name: &[u8], prefix: &str) -> bool {
    name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix.as_bytes()))
}

/// One field line.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// Its name.
    pub name: Span,
    /// Its value, without the blanks around it.
    pub value: Span,
    /// What it means.
    pub kind: FieldKind,
}
