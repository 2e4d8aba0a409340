//! Trailers: many programs take them for fields of the head, so what decides something there goes no further in one (RFC 9110
//! section 6.5.1).

use std::borrow::Cow;

use http::HeaderMap;

use super::grpc;

/// What goes on of a request's: clients of gRPC send no others.
pub(super) fn of_request(trailers: HeaderMap) -> Option<HeaderMap> {
    keep(trailers, grpc::is_trailer)
}

/// What goes on of a response's: servers of gRPC send metadata under any name.
pub(super) fn of_response(trailers: HeaderMap) -> Option<HeaderMap> {
    keep(trailers, |name| !belongs_to_head(name))
}

fn keep(mut trailers: HeaderMap, is_kept: impl Fn(&str) -> bool) -> Option<HeaderMap> {
    let others: Vec<_> = trailers.keys().filter(|name| !is_kept(name.as_str())).cloned().collect();
    for name in others {
        trailers.remove(name);
    }
    (!trailers.is_empty()).then_some(trailers)
}

/// Whether it frames or directs a message, authenticates, keeps state, says how to treat the message or what its content is, or is what
/// Isles alone may say; or may be read so, by a program that maps `-` and `_` to the same character (CGI, WSGI).
fn belongs_to_head(name: &str) -> bool {
    const BEGINS: &[&str] = &["x-isles-", "x-forwarded", "proxy", "content-", "if-", "access-control-"];
    const NAMES: &[&str] = &[
        "age",
        "authorization",
        "cache-control",
        "connection",
        "cookie",
        "date",
        "expect",
        "expires",
        "forwarded",
        "host",
        "keep-alive",
        "location",
        "max-forwards",
        "pragma",
        "range",
        "retry-after",
        "set-cookie",
        "strict-transport-security",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "vary",
        "warning",
        "www-authenticate",
        "x-real-ip",
    ];
    let name = if name.contains('_') { Cow::from(name.replace('_', "-")) } else { Cow::from(name) };
    BEGINS.iter().any(|begin| name.starts_with(begin)) || NAMES.contains(&&*name)
}
