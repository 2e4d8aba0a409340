//! Heads on their way on: the fields that go on are copied in runs, as they came.

use std::{io::Write, net::IpAddr};

use crate::trace::Trace;

use super::{
    field::{Field, FieldKind},
    framing::Framing,
    head::Version,
    request::RequestHead,
    response::ResponseHead,
};

/// What a forwarded request asks for.
#[derive(Debug, Clone, Copy)]
pub struct RequestLine {
    /// Bytes taken off the front of the canonical path.
    pub strip: usize,
    /// What the gateway says of the client; `None` where the caller's own word goes on.
    pub edge: Option<Edge>,
    /// Whether the wish for an upgrade goes on.
    pub upgrade: bool,
    /// The trace that begins here; `None` where the request belongs to one.
    pub trace: Option<Trace>,
}

impl RequestLine {
    /// A request that goes on as it came.
    pub const AS_IT_CAME: Self = Self { strip: 0, edge: None, upgrade: true, trace: None };
}

/// What the gateway says of the client: it replaces whatever the client said.
#[derive(Debug, Clone, Copy)]
pub struct Edge {
    /// The client's address.
    pub peer: IpAddr,
    /// `http` or `https`.
    pub scheme: &'static str,
    /// Whether the peer's own word on who the client is counts.
    pub trusted: bool,
}

/// Appends the head of a request to send on, but for its end: [`end_request`] follows when it is sent. `head` are the bytes that `request`
/// was parsed from.
pub fn write_request(head: &[u8], request: &RequestHead, line: RequestLine, out: &mut Vec<u8>) {
    let begin = write_request_line(head, request, &line, out);
    let replaces_host = request.target.authority.is_some();
    if replaces_host {
        put(out, [b"host: ", request.host_bytes(head), b"\r\n"]);
    }
    let keep = |field: &Field| match field.kind {
        FieldKind::Other | FieldKind::ContentLength => true,
        FieldKind::Expect => request.expects_continue(),
        FieldKind::Host => !replaces_host,
        FieldKind::Forwarded => line.edge.is_none_or(|edge| edge.trusted && !is_list(field, head, line.strip)),
        FieldKind::Traceparent | FieldKind::Tracestate => line.trace.is_none(),
        _ => false,
    };
    copy_fields(head, begin, request.length(), request.fields(), keep, out);
    if let Some(edge) = line.edge {
        write_edge(head, request, edge, out);
    }
    if let Some(trace) = line.trace {
        put(out, [b"traceparent: ", &trace.value(), b"\r\n"]);
    }
    if request.framing() == Framing::Chunked {
        out.extend_from_slice(b"transfer-encoding: chunked\r\n");
    }
    if let Some(protocol) = request.upgrade(head).filter(|_| line.upgrade) {
        put(out, [b"connection: upgrade\r\nupgrade: ", protocol, b"\r\n"]);
    }
}

/// Ends the head of a request. The next hop is told how many milliseconds are left until its answer is due, if it is told: in gRPC's own
/// field where the caller used it, at most eight digits, and in ours.
pub fn end_request(request: &RequestHead, timeout_ms: Option<u64>, out: &mut Vec<u8>) {
    if let Some(timeout_ms) = timeout_ms {
        if request.fields.has(FieldKind::GrpcTimeout) {
            out.extend_from_slice(b"grpc-timeout: ");
            put_number(timeout_ms.min(99_999_999), out);
            out.extend_from_slice(b"m\r\n");
        }
        out.extend_from_slice(b"x-isles-timeout-ms: ");
        put_number(timeout_ms, out);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"\r\n");
}

/// Appends the head of a response to send on, framed as `framing` and with `connection` as its connection option.
pub fn write_response(
    head: &[u8],
    response: &ResponseHead,
    framing: Framing,
    connection: Option<&str>,
    out: &mut Vec<u8>,
) {
    put(out, [b"HTTP/1.1 ", response.status_and_reason().of_head(head), b"\r\n"]);
    let with_length = response.status() >= 200 && response.status() != 204;
    let upgrades = response.status() == 101;
    let keep = |field: &Field| match field.kind {
        FieldKind::ContentLength => with_length,
        FieldKind::Upgrade => upgrades,
        FieldKind::Hop | FieldKind::Connection | FieldKind::TransferEncoding => false,
        FieldKind::Isles | FieldKind::IslesTimeout => false,
        _ => true,
    };
    let begin = first_field(response.fields(), response.length());
    copy_fields(head, begin, response.length(), response.fields(), keep, out);
    if framing == Framing::Chunked {
        out.extend_from_slice(b"transfer-encoding: chunked\r\n");
    }
    if let Some(option) = connection {
        put(out, [b"connection: ", option.as_bytes(), b"\r\n"]);
    }
    out.extend_from_slice(b"\r\n");
}

/// Writes the line unless it goes on as it came; what is copied then begins with it. The program learns right behind it what was taken off
/// its path, so that what is not stripped does not pay for that.
fn write_request_line(head: &[u8], request: &RequestHead, line: &RequestLine, out: &mut Vec<u8>) -> usize {
    let strip = line.strip;
    let is_canonical = request.target.is_canonical() && strip == 0;
    if is_canonical && request.version() == Version::Http11 {
        return 0;
    }
    put(out, [request.method(head), b" "]);
    if is_canonical {
        out.extend_from_slice(request.target.raw.of_head(head));
    } else {
        let path = request.path_bytes(head).get(strip..).unwrap_or_default();
        if !matches!(path.first(), Some(b'/' | b'*')) {
            out.push(b'/');
        }
        put(out, [path, request.target.query.of_head(head)]);
    }
    out.extend_from_slice(b" HTTP/1.1\r\n");
    if let Some(edge) = line.edge.filter(|_| strip > 0) {
        write_prefix(head, request, edge, strip, out);
    }
    first_field(request.fields(), request.length())
}

/// Whether the field is a list that the gateway continues.
fn is_list(field: &Field, head: &[u8], strip: usize) -> bool {
    let is = |name: &[u8]| field.name.of_head(head).eq_ignore_ascii_case(name);
    is(b"x-forwarded-for") || strip > 0 && is(b"x-forwarded-prefix")
}

/// What a trusted peer says stands first in a list: it is read from the right.
fn continue_list(head: &[u8], request: &RequestHead, name: &str, out: &mut Vec<u8>) {
    for value in request.values(head, name) {
        put(out, [value, b", "]);
    }
}

/// What was taken off the front of the path.
fn write_prefix(head: &[u8], request: &RequestHead, edge: Edge, strip: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(b"x-forwarded-prefix: ");
    if edge.trusted {
        continue_list(head, request, "x-forwarded-prefix", out);
    }
    put(out, [request.path_bytes(head).get(..strip).unwrap_or_default(), b"\r\n"]);
}

/// Who the client is. A trusted peer's word stays, and its own address comes last.
fn write_edge(head: &[u8], request: &RequestHead, edge: Edge, out: &mut Vec<u8>) {
    out.extend_from_slice(b"x-forwarded-for: ");
    if edge.trusted {
        continue_list(head, request, "x-forwarded-for", out);
    }
    put_address(edge.peer, out);
    out.extend_from_slice(b"\r\n");
    let says = |name| edge.trusted && request.values(head, name).next().is_some();
    if !says("x-forwarded-proto") {
        put(out, [b"x-forwarded-proto: ", edge.scheme.as_bytes(), b"\r\n"]);
    }
    if !says("x-forwarded-host") {
        put(out, [b"x-forwarded-host: ", request.host_bytes(head), b"\r\n"]);
    }
}

/// What every request carries is not worth the machinery of `fmt`.
fn put_address(address: IpAddr, out: &mut Vec<u8>) {
    let IpAddr::V4(address) = address else {
        return write!(out, "{address}").expect("a Vec takes every write");
    };
    let mut text = [0; 15];
    let mut length = 0;
    for (place, octet) in address.octets().into_iter().enumerate() {
        if place > 0 {
            text[length] = b'.';
            length += 1;
        }
        for (least, digit) in [(100, octet / 100), (10, octet / 10 % 10), (0, octet % 10)] {
            if octet >= least {
                text[length] = b'0' + digit;
                length += 1;
            }
        }
    }
    out.extend_from_slice(&text[..length]);
}

fn put_number(number: u64, out: &mut Vec<u8>) {
    let mut digits = [0; 20];
    let mut start = digits.len();
    let mut rest = number;
    while rest > 0 || start == digits.len() {
        start -= 1;
        digits[start] = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    out.extend_from_slice(&digits[start..]);
}

/// Where the first field line begins, or would.
fn first_field(fields: &[Field], length: usize) -> usize {
    fields.first().map_or(length - 2, |field| field.name.start as usize)
}

/// Copies what stands from `begin` on, but for the field lines not to keep; lines that stand side by side are copied at once.
fn copy_fields(
    head: &[u8],
    begin: usize,
    length: usize,
    fields: &[Field],
    keep: impl Fn(&Field) -> bool,
    out: &mut Vec<u8>,
) {
    let start = |index: usize| fields.get(index).map_or(length - 2, |field| field.name.start as usize);
    let mut run = begin;
    for (index, field) in fields.iter().enumerate() {
        if !keep(field) {
            out.extend_from_slice(&head[run..start(index)]);
            run = start(index + 1);
        }
    }
    out.extend_from_slice(&head[run..length - 2]);
}

/// Inlined, so that what is constant is copied without a call.
#[inline(always)]
fn put<const N: usize>(out: &mut Vec<u8>, parts: [&[u8]; N]) {
    for part in parts {
        out.extend_from_slice(part);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_numbers() {
        for text in ["0.0.0.0", "1.20.99.100", "127.0.0.1", "255.255.255.255", "101.9.10.200", "::1", "2001:db8::7"] {
            let mut out = Vec::new();
            put_address(text.parse().unwrap(), &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), text);
        }
        for number in [0, 7, 10, 29_999, u64::MAX] {
            let mut out = Vec::new();
            put_number(number, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), number.to_string());
        }
    }
}
