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

    /// The kind of a field name, which is a token, in any case.
    pub(crate) fn of(name: &[u8]) -> Self {
        match name.len() {
            2 if is(name, b"te") => Self::Hop,
            4 if is(name, b"host") => Self::Host,
            6 if is(name, b"expect") => Self::Expect,
            7 if is(name, b"upgrade") => Self::Upgrade,
            // No field of HTTP, but CGI programs find it as `HTTP_PROXY` and take it for the way out (CVE-2016-5385).
            5 if is(name, b"proxy") => Self::Hop,
            7 if is(name, b"trailer") => Self::Hop,
            9 if is(name, b"forwarded") || is(name, b"x-real-ip") => Self::Forwarded,
            10 if is(name, b"connection") => Self::Connection,
            10 if is(name, b"keep-alive") => Self::Hop,
            10 if is(name, b"tracestate") => Self::Tracestate,
            11 if is(name, b"x-forwarded") => Self::Forwarded,
            11 if is(name, b"traceparent") => Self::Traceparent,
            12 if is(name, b"grpc-timeout") => Self::GrpcTimeout,
            14 if is(name, b"content-length") => Self::ContentLength,
            14 if is(name, b"http2-settings") => Self::Hop,
            16 if is(name, b"proxy-connection") => Self::Hop,
            17 if is(name, b"transfer-encoding") => Self::TransferEncoding,
            18 if is(name, b"x-isles-timeout-ms") => Self::IslesTimeout,
            8.. if starts_with(name, b"x-isles-") => Self::Isles,
            12.. if starts_with(name, b"x-forwarded-") => Self::Forwarded,
            _ => Self::Other,
        }
    }

    /// Whether the message's end or its destination hangs on it.
    pub(crate) fn decides_where_to(self) -> bool {
        matches!(self, Self::Host | Self::ContentLength | Self::TransferEncoding)
    }
}

/// Whether the name is a known one, given in lower case. What is long is looked at eight bytes at a time, the last eight of them once more.
/// One bit tells a capital from its letter, and otherwise only bytes that no token has.
#[inline(always)]
fn is<const N: usize>(name: &[u8], known: &[u8; N]) -> bool {
    let word = |bytes: Option<&[u8; 8]>| bytes.map(|bytes| u64::from_ne_bytes(*bytes) | u64::from_ne_bytes([0x20; 8]));
    let words = |bytes: &[u8]| {
        [bytes.first_chunk(), bytes.get(8..).and_then(<[u8]>::first_chunk), bytes.last_chunk()].map(word)
    };
    name.len() == N && if N < 8 { name.eq_ignore_ascii_case(known) } else { words(name) == words(known) }
}

#[inline(always)]
fn starts_with<const N: usize>(name: &[u8], known: &[u8; N]) -> bool {
    name.get(..N).is_some_and(|start| is(start, known))
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
