//! A request as the codec of HTTP/1.1 wrote it to go on, said in HTTP/2.

use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, Version,
    header::{self, HOST},
    uri::{Authority, PathAndQuery, Scheme},
};

/// The request whose head was written by [`wire::http1::write_request`]; `None` if HTTP/2 cannot say it.
pub(super) fn request(head: &[u8]) -> Option<Request<()>> {
    let mut lines = head.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let mut words = lines.next()?.split(|byte| *byte == b' ');
    let (method, target) = (Method::from_bytes(words.next()?).ok()?, words.next()?);
    let mut fields = HeaderMap::new();
    for line in lines.take_while(|line| !line.is_empty()) {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let name = HeaderName::from_bytes(&line[..colon]).ok()?;
        fields.append(name, HeaderValue::from_bytes(line[colon + 1..].trim_ascii()).ok()?);
    }
    let authority = Authority::try_from(fields.remove(HOST)?.as_bytes()).ok()?;
    for ends_here in [header::CONNECTION, header::TRANSFER_ENCODING, header::UPGRADE] {
        fields.remove(ends_here);
    }
    // We pass trailers on, and gRPC insists on being told so.
    fields.insert(header::TE, HeaderValue::from_static("trailers"));
    let mut uri = http::uri::Parts::default();
    uri.scheme = Some(Scheme::HTTP);
    uri.authority = Some(authority);
    uri.path_and_query = Some(PathAndQuery::try_from(target).ok()?);
    let mut request = Request::new(());
    *request.method_mut() = method;
    *request.uri_mut() = Uri::from_parts(uri).ok()?;
    *request.version_mut() = Version::HTTP_2;
    *request.headers_mut() = fields;
    Some(request)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests() {
        let head = b"POST /a?b HTTP/1.1\r\nhost: shop:80\r\nX-A: 1\r\nx-a: 2\r\ntransfer-encoding: chunked\r\n\r\n";
        let request = request(head).unwrap();
        assert_eq!((request.method().as_str(), request.uri().to_string().as_str()), ("POST", "http://shop:80/a?b"));
        let fields: Vec<_> = request.headers().iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        assert_eq!(fields, [("x-a", &b"1"[..]), ("x-a", b"2"), ("te", b"trailers")]);
    }

    #[test]
    fn what_cannot_be_said() {
        for head in ["GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\nhost: a b\r\n\r\n", ""] {
            assert!(request(head.as_bytes()).is_none(), "{head:?}");
        }
    }
}
