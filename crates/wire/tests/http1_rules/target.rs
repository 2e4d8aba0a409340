//! What a request is about: one canonical path.

use crate::*;

#[test]
fn forms_of_targets() {
    for (target, host, path) in
        [("http://b/x", "b", "/x"), ("HTTP://b:80", "b:80", "/"), ("https://[::1]?q", "[::1]", "/"), ("/x", "a", "/x")]
    {
        let head = get(target);
        let request = parse(head.as_bytes()).unwrap();
        assert_eq!((request.host(head.as_bytes()), request.path(head.as_bytes())), (host, path), "{target}");
    }
    assert_eq!(sent(&get("http://b/x?y"), INSIDE), "GET /x?y HTTP/1.1\r\nhost: b\r\n\r\n");
    let targets = [
        "a",
        "a:80",
        "a/b",
        "*",
        "http:",
        "http:/a",
        "http://",
        "http:///a",
        "http://u@a/",
        "http://a:/",
        "http://a:x/",
        "http://a..b/",
        "ftp://a/",
        "http://a\\b/",
        "?a",
    ];
    refuses(Malformed, &targets.map(get));
    refuses(NotImplemented, &["CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n", "CONNECT / HTTP/1.1\r\nHost: a\r\n\r\n"]);
    assert!(parse(b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n").is_ok());
}

#[test]
fn one_canonical_path() {
    paths(&[
        ("/a/./b", "/a/b"),
        ("/a/../b", "/b"),
        ("/a/b/..", "/a/"),
        ("/a/%2e%2E/b", "/b"),
        ("/a;x=1/b", "/a;x=1/b"),
        ("/a/...", "/a/..."),
    ]);
    let targets = [
        "/..",
        "/../a",
        "/a/../../b",
        "/%2e%2e/a",
        "/a/..;/b",
        "/a/.;x/b",
        "/a/..;",
        "/a/%2e%2e;/b",
        "/a/..%3b/b",
        "/a/%2e%3Bx/b",
        "/a\\b",
        "/a\\..\\b",
        "/a%5cb",
        "/a%5Cb",
        "/a%00",
        "/a%",
        "/a%1",
        "/a%zz",
        "/a%2",
        "/\u{e9}",
        "/a\x7f",
        "/<a>",
        "/\"a\"",
        "/a`b",
        "/?<a>",
    ];
    refuses(Malformed, &targets.map(get));
}

#[test]
fn escaped_slashes_are_a_part_of_their_segment() {
    let limits = HeadLimits { escaped_slashes: true, ..HeadLimits::default() };
    for (target, canonical) in [
        ("/@scope%2fname", Ok("/@scope%2Fname")),
        ("/a%2Fb/../c", Ok("/c")),
        ("/a%2f..%2fb", Err(Malformed)),
        ("/a%5cb", Err(Malformed)),
    ] {
        let (head, mut request) = (get(target), RequestHead::default());
        let read = request.parse(head.as_bytes(), &limits).map_err(|error| error.kind);
        assert_eq!(read.map(|_| request.path(head.as_bytes())), canonical, "{target}");
    }
}
