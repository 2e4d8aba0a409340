//! A request of HTTP/2, written as HTTP/1.1 for the codec, and what must be checked before (RFC 9113 sections 8.1 to 8.3).

use http::{HeaderMap, Method, header, request::Parts};
use model::Reason;

use crate::problem::Fault;

/// Appends the head. `ended` says that no body follows. The crate `h2` has refused what HTTP/2 forbids by itself:
/// upper case in names, control characters in values, fields of a connection, `te` other than `trailers`, and
/// pseudo-fields that are missing, repeated or behind others; it holds `content-length` against the body.
///
/// It has cut a fragment off the path and dropped pseudo-fields of trailers, too, where both would be malformed: nobody behind it sees them.
///
/// # Errors
/// When the request is malformed in a way that the head would not show.
pub(super) fn write(parts: &Parts, ended: bool, out: &mut Vec<u8>) -> Result<(), Fault> {
    if parts.uri.scheme_str().is_some_and(|scheme| !["http", "https"].contains(&scheme)) {
        return Err(malformed("`:scheme` is neither http nor https"));
    }
    let host = parts.uri.authority().map(|authority| authority.as_str().as_bytes());
    let target = match (&parts.method, parts.uri.path_and_query()) {
        (&Method::CONNECT, _) | (_, None) => host.unwrap_or_default(),
        (_, Some(target)) => target.as_str().as_bytes(),
    };
    put(out, &[parts.method.as_str().as_bytes(), b" ", target, b" HTTP/1.1\r\n"]);
    if let Some(host) = host {
        put(out, &[b"host: ", host, b"\r\n"]);
    }
    let seen = write_fields(&parts.headers, host, out)?;
    if seen.cookie {
        write_cookie(&parts.headers, out);
    }
    if !ended && !seen.length {
        put(out, &[b"transfer-encoding: chunked\r\n"]);
    }
    put(out, &[b"\r\n"]);
    Ok(())
}

/// What was seen among the fields. To look each one of a few fields over once is cheaper than to look for names.
#[derive(Default)]
struct Seen {
    length: bool,
    cookie: bool,
}

/// `:authority` takes the place of `host`; where both stand they must agree (RFC 9113 section 8.3.1).
fn write_fields(fields: &HeaderMap, authority: Option<&[u8]>, out: &mut Vec<u8>) -> Result<Seen, Fault> {
    let mut seen = Seen::default();
    for (name, value) in fields {
        let value = value.as_bytes();
        if value.first().is_some_and(is_blank) || value.last().is_some_and(is_blank) {
            return Err(malformed("a field value begins or ends with a blank"));
        }
        if *name == header::COOKIE {
            seen.cookie = true;
            continue;
        }
        if let (&header::HOST, Some(authority)) = (name, authority) {
            match value.eq_ignore_ascii_case(authority) {
                true => continue,
                false => return Err(malformed("`:authority` and `host` differ")),
            }
        }
        seen.length |= *name == header::CONTENT_LENGTH;
        put(out, &[name.as_str().as_bytes(), b": ", value, b"\r\n"]);
    }
    Ok(seen)
}

/// The crumbs of a cookie are put together again (RFC 9113 section 8.2.3).
fn write_cookie(fields: &HeaderMap, out: &mut Vec<u8>) {
    let mut before: &[u8] = b"cookie: ";
    for crumb in fields.get_all(header::COOKIE) {
        put(out, &[before, crumb.as_bytes()]);
        before = b"; ";
    }
    put(out, &[b"\r\n"]);
}

fn is_blank(byte: &u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

fn malformed(detail: &str) -> Fault {
    Fault::new(Reason::BadRequest, detail)
}

fn put(out: &mut Vec<u8>, parts: &[&[u8]]) {
    for part in parts {
        out.extend_from_slice(part);
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderValue, Request};

    use super::*;

    fn check(uri: &str, fields: &[(&str, &str)], ended: bool, expected: Result<&str, &str>) {
        let mut request = Request::post(uri);
        for (name, value) in fields {
            request = request.header(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let mut out = Vec::new();
        let written = write(&parts, ended, &mut out).map_err(|fault| fault.detail);
        let written = written.map(|()| String::from_utf8(out).unwrap());
        assert_eq!(written.as_deref().map_err(String::as_str), expected, "{uri} {fields:?}");
    }

    #[test]
    fn heads() {
        let uri = "http://a/b?c";
        check(uri, &[], true, Ok("POST /b?c HTTP/1.1\r\nhost: a\r\n\r\n"));
        check(uri, &[], false, Ok("POST /b?c HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n"));
        check(uri, &[("content-length", "3")], false, Ok("POST /b?c HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\n"));
        check("/b", &[("host", "x")], true, Ok("POST /b HTTP/1.1\r\nhost: x\r\n\r\n"));
        check(uri, &[("host", "A")], true, Ok("POST /b?c HTTP/1.1\r\nhost: a\r\n\r\n"));
        check(uri, &[("host", "a"), ("host", "b")], true, Err("`:authority` and `host` differ"));
        check(
            uri,
            &[("cookie", "a=1"), ("x", "y"), ("cookie", "b=2")],
            true,
            Ok("POST /b?c HTTP/1.1\r\nhost: a\r\nx: y\r\ncookie: a=1; b=2\r\n\r\n"),
        );
        check("ftp://a/b", &[], true, Err("`:scheme` is neither http nor https"));
        for value in [" a", "a ", "\ta", "a\t"] {
            check(uri, &[("x", value)], true, Err("a field value begins or ends with a blank"));
        }
    }
}
