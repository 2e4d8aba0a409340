//! Responses: the same rules, and none for what has no body.

use crate::*;

#[test]
fn framing_of_responses() {
    for (status, fields) in [
        ("200 OK", "Content-Length: 1\r\nContent-Length: 1"),
        ("200 OK", "Content-Length: 1, 1"),
        ("200 OK", "Content-Length: +1"),
        ("200 OK", "Content-Length: 1\r\nTransfer-Encoding: chunked"),
        ("200 OK", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"),
        ("200 OK", "Transfer-Encoding: \x0bchunked"),
        ("200 OK", "Transfer-Encoding: identity"),
        ("200 OK", "Content_Length: 1"),
        ("204 No Content", "Content-Length: 1"),
        ("204 No Content", "Transfer-Encoding: chunked"),
        ("101 Switching Protocols", "Transfer-Encoding: chunked"),
        ("100 Continue", "Content-Length: 1"),
    ] {
        assert_eq!(
            response(&format!("HTTP/1.1 {status}\r\n{fields}\r\n\r\n")).map(|_| ()),
            Err(Malformed),
            "{status} {fields}"
        );
    }
    assert_eq!(response("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").map(|_| ()), Err(Malformed));
    assert_eq!(response("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n").map(|_| ()), Err(NotImplemented));
    assert!(response("HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n").is_ok());
}

#[test]
fn lines_of_responses() {
    for head in [
        "HTTP/1.1 99 No\r\n\r\n",
        "HTTP/1.1 600 No\r\n\r\n",
        "HTTP/1.1 2000 No\r\n\r\n",
        "HTTP/1.1 +20 No\r\n\r\n",
        "HTTP/1.1  200 OK\r\n\r\n",
        "HTTP/1.1\r\n\r\n",
        "HTP/1.1 200 OK\r\n\r\n",
        "HTTP/2 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\nA: b\n\n",
        "HTTP/1.1 200 O\0K\r\n\r\n",
        "HTTP/1.1 200 O\rK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA : b\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n",
        "HTTP/1.1 200 OK\r\n A: b\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA: b\rc\r\n\r\n",
        "\r\nHTTP/1.1 200 OK\r\n\r\n",
    ] {
        assert_eq!(response(head).map(|_| ()), Err(Malformed), "{head:?}");
    }
}
