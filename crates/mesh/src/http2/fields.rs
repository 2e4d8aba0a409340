//! Heads of responses from one version of HTTP to the other.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use model::Reason;
use wire::http1::{Field, FieldKind, HeadLimits, ResponseHead};

use crate::{flow::Stop, problem::Fault, worker::Worker};

/// A response of HTTP/1.1 for a client of HTTP/2: without the fields of a connection and without those that Isles alone may say.
///
/// # Errors
/// When a field cannot be said in HTTP/2.
pub(super) fn response(worker: &Worker, head: &[u8], response: &ResponseHead) -> Result<Response<()>, Stop> {
    let bytes = worker.share(&head[..response.length()]);
    let mut fields = HeaderMap::with_capacity(response.fields().len());
    let with_length = response.status() >= 200 && response.status() != 204;
    let kept = response.fields().iter().filter(|field| match field.kind {
        FieldKind::ContentLength => with_length,
        FieldKind::Hop
        | FieldKind::Connection
        | FieldKind::TransferEncoding
        | FieldKind::Upgrade
        | FieldKind::Isles
        | FieldKind::IslesTimeout => false,
        _ => true,
    });
    for field in kept {
        let (name, value) = convert(&bytes, field).ok_or_else(|| broken("a field cannot be said in HTTP/2"))?;
        fields.append(name, value);
    }
    let mut converted = Response::new(());
    *converted.status_mut() = StatusCode::from_u16(response.status()).map_err(|_| broken("its status is none"))?;
    *converted.headers_mut() = fields;
    Ok(converted)
}

/// The value shares the memory of the head.
fn convert(head: &Bytes, field: &Field) -> Option<(HeaderName, HeaderValue)> {
    let name = HeaderName::from_bytes(field.name.of_head(head)).ok()?;
    let value = HeaderValue::from_maybe_shared(head.slice_ref(field.value.of_head(head))).ok()?;
    Some((name, value))
}

/// A response of HTTP/2 as an HTTP/1.1 head for the codec; `ended` says that no body follows. Where none can follow, nothing is known
/// of its length unless the instance says it (RFC 9110 section 8.6).
pub(super) fn write(response: &Response<()>, to_head: bool, ended: bool, out: &mut Vec<u8>) {
    let status = response.status();
    let mut put = |parts: [&[u8]; 4]| parts.iter().for_each(|part| out.extend_from_slice(part));
    put([b"HTTP/1.1 ", status.as_str().as_bytes(), b" ", b"\r\n"]);
    for (name, value) in response.headers() {
        put([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"]);
    }
    let is_bodiless = to_head || status.is_informational() || matches!(status.as_u16(), 204 | 304);
    match ended {
        _ if is_bodiless || response.headers().contains_key(header::CONTENT_LENGTH) => {}
        true => put([b"content-length: 0\r\n", b"", b"", b""]),
        false => put([b"transfer-encoding: chunked\r\n", b"", b"", b""]),
    }
    put([b"\r\n", b"", b"", b""]);
}

/// The largest list of fields that is read (RFC 9113 section 6.5.2), twice what the limits allow: beyond it the crate `h2` refuses by
/// itself, without a reason, and up to it we do.
pub(super) fn list_max(heads: &HeadLimits) -> u32 {
    const FIELD_BYTES: usize = 32;
    u32::try_from(2 * (heads.head_bytes_max + FIELD_BYTES * heads.fields_max)).unwrap_or(u32::MAX)
}

/// Holds a response's head against the limits; returns how long it is.
///
/// # Errors
/// When it is too long, or has too many fields.
pub(super) fn check(fields: &HeaderMap, limits: &HeadLimits) -> Result<usize, Stop> {
    let length = length(fields);
    let detail = match () {
        () if fields.len() > limits.fields_max => "too many fields",
        () if length > limits.head_bytes_max => "the head is too long",
        () => return Ok(length),
    };
    Err(Stop::Fault(Fault::new(Reason::ResponseTooLarge, detail)))
}

/// How long a response's head is as [`write`] says it.
pub(super) fn length(fields: &HeaderMap) -> usize {
    const LINE: usize = "HTTP/1.1 200 \r\n".len();
    const AROUND: usize = ": \r\n".len();
    let length = |(name, value): (&HeaderName, &HeaderValue)| name.as_str().len() + value.len() + AROUND;
    LINE + fields.iter().map(length).sum::<usize>() + "\r\n".len()
}

/// Takes out what Isles alone may say. Returns the bytes of names and values that are left.
pub(super) fn strip(fields: &mut HeaderMap) -> usize {
    let forged: Vec<_> = fields.keys().filter(|name| name.as_str().starts_with("x-isles-")).cloned().collect();
    for name in forged {
        fields.remove(name);
    }
    fields.iter().map(|(name, value)| name.as_str().len() + value.len()).sum()
}

fn broken(detail: &str) -> Stop {
    Stop::Fault(Fault::new(Reason::BadResponse, detail))
}

/// The seconds that a response asks to be spared for, by `retry-after` or by gRPC's `grpc-retry-pushback-ms`.
pub(super) fn retry_after(fields: &HeaderMap) -> Option<Duration> {
    let number = |name: &str| fields.get(name)?.to_str().ok()?.parse().ok();
    number("grpc-retry-pushback-ms").map(Duration::from_millis).or(number("retry-after").map(Duration::from_secs))
}
