//! The rules of HTTP/1.1 that a proxy must keep, and what others' advisories teach: each a test. Refused, never repaired.
//!
//! | rule | test |
//! |---|---|
//! | `Content-Length` beside `Transfer-Encoding` (RFC 9112 6.1, 6.3) | [`content_length_and_transfer_encoding`] |
//! | `Transfer-Encoding` is `chunked`, once, spelled so (6.1, 7) | [`transfer_encoding_is_chunked`] |
//! | `Content-Length` is one number on one line (6.2, 6.3) | [`content_length_is_one_number`] |
//! | no bare LF, bare CR or NUL (2.2) | [`no_bare_line_ends_and_no_control_characters`] |
//! | no folded lines, no blank before the colon or the first field, names are tokens (2.2, 5.1, 5.2) | [`field_lines`] |
//! | request lines have three words, the method is of capital letters (3) | [`request_lines`] |
//! | chunk sizes are 1 to 16 hexadecimal digits, data ends with CR LF (7.1) | [`chunk_lines`] |
//! | chunk extensions: 256 bytes a line, 16 KiB in all; never passed on | [`chunk_extensions_are_bounded_and_end_here`] |
//! | trailers end here, and are bounded (7.1.2) | [`trailers_end_here`] |
//! | exactly one valid `Host` (3.2) | [`exactly_one_valid_host`] |
//! | absolute-form takes the place of `Host`, authority-form is refused (3.2.2, 3.2.3) | [`forms_of_targets`] |
//! | names with `_` that collide with `-` | [`cve_2025_64484_underscores_for_hyphens`] |
//! | hop-by-hop fields end here (RFC 9110 7.6.1) | [`pingora_713_hop_by_hop_fields_end_here`] |
//! | `Connection` cannot strip what the gateway adds | [`cve_2024_45410_connection_cannot_strip_what_is_added`] |
//! | what the gateway alone may say is replaced at the edge | [`ghsa_6jwx_7vp4_9847_aliases_of_forwarded`] |
//! | one canonical path | [`one_canonical_path`], [`cve_2021_31920_escaped_slashes`], [`cve_2021_39156_fragments`], [`cve_2025_66490_encoded_characters_match_as_themselves`] |
//! | an upgrade: one protocol, no body, never `h2c` | [`upgrades_that_go_on`] |
//! | no tunnel before a 101 | [`cve_2026_2833_an_upgrade_is_only_a_wish`], [`cve_2024_23326_only_a_101_switches`] |
//! | no `Transfer-Encoding` in HTTP/1.0, no request until close | [`cve_2026_2835_http10_with_transfer_encoding`], [`cve_2026_2835_no_request_lasts_until_the_close`] |
//! | one `Expect` | [`expectations`] |
//! | `Proxy` ends here | [`cve_2016_5385_httpoxy`] |
//! | responses: the same framing, and none where there is no body (RFC 9110 8.6, RFC 9112 6.1) | [`framing_of_responses`], [`lines_of_responses`] |
//! | bounds | [`bounds_of_heads`] |

use std::net::{IpAddr, Ipv4Addr};

use wire::http1::HeadErrorKind::{Malformed, NotImplemented, TargetTooLong, TooLarge};
use wire::http1::{
    Body, Edge, Framing, HeadErrorKind, HeadLimits, RequestHead, RequestLine, ResponseHead, write_request,
};

fn parse(head: &[u8]) -> Result<RequestHead, HeadErrorKind> {
    let mut request = RequestHead::default();
    let whole = request.parse(head, &HeadLimits::default()).map_err(|error| error.kind)?;
    assert!(whole, "incomplete: {:?}", String::from_utf8_lossy(head));
    Ok(request)
}

#[track_caller]
fn refuses(kind: HeadErrorKind, heads: &[impl AsRef<[u8]>]) {
    for head in heads.iter().map(AsRef::as_ref) {
        assert_eq!(parse(head).map(|_| ()), Err(kind), "{:?}", String::from_utf8_lossy(&head[..head.len().min(80)]));
    }
}

/// These field lines, each in a request that would be right without it.
#[track_caller]
fn refuses_fields(kind: HeadErrorKind, fields: &[&str]) {
    let heads: Vec<_> = fields.iter().map(|field| with(field)).collect();
    refuses(kind, &heads);
}

fn with(field: &str) -> String {
    format!("POST / HTTP/1.1\r\nHost: a\r\n{field}\r\n\r\n")
}

fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n")
}

const INSIDE: RequestLine = RequestLine::AS_IT_CAME;
const AT_EDGE: RequestLine = RequestLine {
    edge: Some(Edge { peer: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7)), scheme: "http", trusted: false }),
    ..INSIDE
};

/// The field lines that go on, of a request with these.
fn goes_on(fields: &str, line: RequestLine) -> String {
    let head = with(fields);
    let mut sent = Vec::new();
    write_request(head.as_bytes(), &parse(head.as_bytes()).expect("it is right"), line, &mut sent);
    let sent = String::from_utf8(sent).expect("it was text");
    let fields = sent.strip_prefix("POST / HTTP/1.1\r\nHost: a\r\n").expect("the host goes on first");
    fields.strip_suffix("\r\n").expect("an empty line ends it").replace("\r\n", "|")
}

fn decode(body: &[u8]) -> Result<(String, usize), &'static str> {
    let mut bytes = body.to_vec();
    let compacted = Body::new(Framing::Chunked).compact(&mut bytes).map_err(|error| error.detail)?;
    assert!(compacted.done, "incomplete: {:?}", String::from_utf8_lossy(body));
    Ok((String::from_utf8_lossy(&bytes[compacted.data]).into(), compacted.consumed))
}

#[test]
fn content_length_and_transfer_encoding() {
    refuses_fields(
        Malformed,
        &[
            "Content-Length: 3\r\nTransfer-Encoding: chunked",
            "Transfer-Encoding: chunked\r\nContent-Length: 3",
            "Transfer-Encoding: chunked\r\nContent-Length: 0",
            "Connection: content-length\r\nContent-Length: 3\r\nTransfer-Encoding: chunked",
        ],
    );
}

#[test]
fn transfer_encoding_is_chunked() {
    refuses_fields(
        Malformed,
        &[
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
            "Transfer-Encoding: chunked, chunked",
            "Transfer-Encoding: chunked, gzip",
            "Transfer-Encoding: chunked, identity",
            "Transfer-Encoding: chunked,",
            "Transfer-Encoding: ,chunked",
            "Transfer-Encoding: chunked;a=b",
            "Transfer-Encoding: \"chunked\"",
            "Transfer-Encoding: 'chunked'",
            "Transfer-Encoding: xchunked",
            "Transfer-Encoding: chunkedx",
            "Transfer-Encoding: chunk",
            "Transfer-Encoding: identity",
            "Transfer-Encoding:",
            "Transfer-Encoding: \tchunked",
            "Transfer-Encoding: chunked\t",
            "Transfer-Encoding: \x0bchunked",
            "Transfer-Encoding: chunked\x0c",
            "Transfer-Encoding: chunked\0",
            "Transfer-Encoding: \u{212a}chunked",
            "Transfer-Encoding : chunked",
            "Transfer-Encoding\r\n : chunked",
            "Transfer-Encoding:\r\n chunked",
        ],
    );
    refuses_fields(
        NotImplemented,
        &["Transfer-Encoding: gzip, chunked", "Transfer-Encoding: Deflate", "Transfer-Encoding: x-gzip"],
    );
    for field in ["Transfer-Encoding: chunked", "transfer-encoding:CHUNKED", "Transfer-Encoding:  Chunked  "] {
        assert_eq!(parse(with(field).as_bytes()).unwrap().framing(), Framing::Chunked, "{field}");
    }
}

#[test]
fn content_length_is_one_number() {
    refuses_fields(
        Malformed,
        &[
            "Content-Length: 1\r\nContent-Length: 1",
            "Content-Length: 1\r\nContent-Length: 2",
            "Content-Length: 1, 1",
            "Content-Length: 1,",
            "Content-Length: +1",
            "Content-Length: -1",
            "Content-Length: 0x1",
            "Content-Length: 1 2",
            "Content-Length: 1.0",
            "Content-Length: 1;",
            "Content-Length: \"1\"",
            "Content-Length: \u{ff11}",
            "Content-Length: \t1",
            "Content-Length: 1\t",
            "Content-Length:",
            "Content-Length: 18446744073709551616",
            "Content-Length: 18446744073709551615",
            "Content-Length: 00000000000000000001",
        ],
    );
    for (field, length) in [
        ("Content-Length: 0", 0),
        ("content-length:07", 7),
        ("Content-Length:  9999999999999999999  ", 9_999_999_999_999_999_999),
    ] {
        assert_eq!(parse(with(field).as_bytes()).unwrap().framing(), Framing::Length(length), "{field}");
    }
}

#[test]
fn no_bare_line_ends_and_no_control_characters() {
    refuses(
        Malformed,
        &[
            "GET / HTTP/1.1\nHost: a\n\n",
            "GET / HTTP/1.1\r\nHost: a\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\n\n",
            "GET / HTTP/1.1\r\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.1\rHost: a\r\n\r\n",
            "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.1\0\r\nHost: a\r\n\r\n",
            "GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n",
        ],
    );
    refuses_fields(
        Malformed,
        &["a: b\rc", "a: b\r", "a: \rb: c", "a: b\0c", "a\0: b", "a: b\x01", "a: b\x0b", "a: b\x7f", "a\r: b"],
    );
}

#[test]
fn field_lines() {
    refuses(Malformed, &["GET / HTTP/1.1\r\n Host: a\r\n\r\n", "GET / HTTP/1.1\r\n\tA: b\r\nHost: a\r\n\r\n"]);
    refuses_fields(
        Malformed,
        &[
            "a: b\r\n c",
            "a: b\r\n\tc",
            "a : b",
            "a\t: b",
            ": b",
            " : b",
            "a",
            "a b: c",
            "a(: b",
            "a/b: c",
            "\u{e9}: b",
            "a\": b",
            "a:b\r\n ",
        ],
    );
}

#[test]
fn request_lines() {
    refuses(
        Malformed,
        &[
            "GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /  HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.1 \r\nHost: a\r\n\r\n",
            "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",
            " GET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /\r\nHost: a\r\n\r\n",
            "GET\r\nHost: a\r\n\r\n",
            "G@T / HTTP/1.1\r\nHost: a\r\n\r\n",
            " / HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET / http/1.1\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.01\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.\r\nHost: a\r\n\r\n",
        ],
    );
    refuses(
        NotImplemented,
        &[
            "get / HTTP/1.1\r\nHost: a\r\n\r\n",
            "G%ET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET / HTTP/2.0\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.2\r\nHost: a\r\n\r\n",
            "GET / HTTP/0.9\r\nHost: a\r\n\r\n",
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        ],
    );
}

#[test]
fn chunk_lines() {
    for body in [
        "\r\n",
        "x\r\n",
        "-1\r\na",
        "+1\r\na",
        "0x1\r\na",
        " 1\r\na",
        "1 \r\na",
        "1\t\r\na",
        "1 ;a\r\na",
        "1_\r\na",
        "1\na\n",
        "1\ra",
        "1\r\nab\r\n",
        "1\r\na\n0\r\n",
        "1\r\na0\r\n\r\n",
        "1\r\na\r0\r\n\r\n",
        "\r\n1\r\na",
        "00000000000000001\r\na",
        "10000000000000000\r\na",
        "0\n\r\n",
        "0\r\n\n",
        "0\r\n\rx",
        "1\0\r\na",
    ] {
        assert!(decode(body.as_bytes()).is_err(), "{body:?}");
    }
    for (body, data) in [
        ("0\r\n\r\n", ""),
        ("0000000000000001\r\na\r\n0000000000000000\r\n\r\n", "a"),
        ("A\r\n0123456789\r\n1\r\na\r\n0\r\n\r\n", "0123456789a"),
        ("5\r\n\r\n0\r\n\r\n0\r\n\r\n", "\r\n0\r\n"),
    ] {
        assert_eq!(decode(body.as_bytes()), Ok((data.into(), body.len())), "{body:?}");
    }
}

#[test]
fn chunk_extensions_are_bounded_and_end_here() {
    let one = |length: usize| format!("1;{}\r\na\r\n0\r\n\r\n", "x".repeat(length));
    let many = |count: usize| format!("{}0\r\n\r\n", format!("1;{}\r\na\r\n", "x".repeat(255)).repeat(count));
    for (body, data) in [
        ("1;a=b;c=\"d e\"\r\na\r\n0;f\r\n\r\n".into(), Some("a".into())),
        (one(256), Some("a".into())),
        (one(257), None),
    ] {
        assert_eq!(decode(body.as_bytes()).ok().map(|(data, _)| data), data, "{body:?}");
    }
    assert_eq!(decode(many(64).as_bytes()).map(|(data, _)| data), Ok("a".repeat(64)));
    assert!(decode(many(65).as_bytes()).is_err());
    for body in ["1;a\nb\r\na", "1;a\rb\r\na", "1;\0\r\na", "1;\x7f\r\na", "0;a\n\r\n"] {
        assert!(decode(body.as_bytes()).is_err(), "{body:?}");
    }
}

#[test]
fn trailers_end_here() {
    let sized = |length: usize| format!("0\r\na: {}\r\n\r\n", "x".repeat(length));
    assert_eq!(
        decode(b"1\r\na\r\n0\r\nHost: b\r\nContent-Length: 3\r\nX-User: root\r\n\r\n").map(|(data, _)| data),
        Ok("a".into())
    );
    assert!(decode(sized(16_000).as_bytes()).is_ok());
    assert!(decode(sized(17_000).as_bytes()).is_err());
    for body in [
        "0\r\n a: b\r\n\r\n",
        "0\r\na b: c\r\n\r\n",
        "0\r\na : c\r\n\r\n",
        "0\r\na: b\n\r\n",
        "0\r\na: b\rc\r\n\r\n",
        "0\r\na\r\n\r\n",
        "0\r\n: b\r\n\r\n",
        "0\r\na: b\r\n c\r\n\r\n",
        "0\r\na: \0\r\n\r\n",
    ] {
        assert!(decode(body.as_bytes()).is_err(), "{body:?}");
    }
    assert_eq!(
        goes_on("Transfer-Encoding: chunked\r\nTrailer: X-User\r\nTE: trailers", INSIDE),
        "transfer-encoding: chunked|"
    );
}

#[test]
fn exactly_one_valid_host() {
    refuses(Malformed, &["GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.0\r\n\r\n", "GET http://b/ HTTP/1.1\r\n\r\n"]);
    refuses_fields(Malformed, &["Host: a", "host: b", "HOST:", "Host_: b\r\nHost : a", "Host: a\r\nConnection: Host"]);
    let hosts = [
        "", "a b", "a,b", "u@a", "u:p@a", "a/b", "a?b", "a#b", "a\\b", "a:", "a:b", "a:65536", "a:-1", "a:1:2", "[::1",
        "[x]", "[::1]x", "a..b", ".a", "%61", "\u{e9}", "\ta", "a\t", "*", "a;b",
    ];
    refuses(Malformed, &hosts.map(|host| format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n")));
    for host in ["a", "A.example.", "a-b_c:80", "127.0.0.1:1", "[::1]:65535", "[2001:db8::1]"] {
        let head = format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");
        assert_eq!(parse(head.as_bytes()).unwrap().host(head.as_bytes()), host);
    }
}

#[test]
fn forms_of_targets() {
    for (target, host, path) in
        [("http://b/x", "b", "/x"), ("HTTP://b:80", "b:80", "/"), ("https://[::1]?q", "[::1]", "/"), ("/x", "a", "/x")]
    {
        let head = get(target);
        let request = parse(head.as_bytes()).unwrap();
        assert_eq!((request.host(head.as_bytes()), request.path(head.as_bytes())), (host, path), "{target}");
    }
    let head = get("http://b/x?y");
    let mut sent = Vec::new();
    write_request(head.as_bytes(), &parse(head.as_bytes()).unwrap(), INSIDE, &mut sent);
    assert_eq!(String::from_utf8(sent).unwrap(), "GET /x?y HTTP/1.1\r\nhost: b\r\n\r\n");
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
fn cve_2025_64484_underscores_for_hyphens() {
    refuses_fields(
        Malformed,
        &[
            "Content_Length: 1",
            "Transfer_Encoding: chunked",
            "X_Forwarded-For: a",
            "x_forwarded_user: a",
            "X-Isles_Reason: a",
            "x_isles_caller: a",
            "X_Real_IP: a",
            "Proxy_Connection: a",
            "Keep_Alive: a",
            "HTTP2_Settings: a",
            "X_User: a\r\nX-User: b",
            "X-User: b\r\nx_user: a",
        ],
    );
    assert_eq!(goes_on("x_user: a", INSIDE), "x_user: a|");
}

#[test]
fn pingora_713_hop_by_hop_fields_end_here() {
    for fields in [
        "Connection: close",
        "Connection: keep-alive\r\nKeep-Alive: timeout=5",
        "Proxy-Connection: close",
        "TE: trailers",
        "Trailer: a",
        "Upgrade: websocket",
        "HTTP2-Settings: a",
        "Connection: a, B\r\nA: 1\r\nb: 2",
        "A: 1\r\nConnection: close\r\nConnection: ,a,",
    ] {
        assert_eq!(goes_on(fields, INSIDE), "", "{fields:?}");
    }
    refuses_fields(Malformed, &["Connection: a b", "Connection: a;b", "Connection: \"a\"", "Connection: a/b"]);
}

#[test]
fn cve_2024_45410_connection_cannot_strip_what_is_added() {
    const ADDED: &str = "x-forwarded-for: 192.0.2.7|x-forwarded-proto: http|x-forwarded-host: a|";
    for fields in [
        "Connection: X-Forwarded-For, X-Forwarded-Host, X-Forwarded-Proto, Host",
        "X-Forwarded-For: 1.1.1.1\r\nConnection: x-forwarded-for",
        "Connection: close, x-forwarded-for\r\nX-FORWARDED-FOR: 1.1.1.1\r\nx-forwarded-for: 2.2.2.2",
    ] {
        assert_eq!(goes_on(fields, AT_EDGE), ADDED, "{fields:?}");
    }
    assert_eq!(goes_on("Content-Length: 3\r\nConnection: Content-Length", INSIDE), "Content-Length: 3|");
    assert_eq!(goes_on("X-Forwarded-For: 1.1.1.1\r\nConnection: X-Forwarded-For", INSIDE), "X-Forwarded-For: 1.1.1.1|");
}

#[test]
fn ghsa_6jwx_7vp4_9847_aliases_of_forwarded() {
    const ADDED: &str = "x-forwarded-for: 192.0.2.7|x-forwarded-proto: http|x-forwarded-host: a|";
    for field in [
        "Forwarded: for=1.1.1.1",
        "X-Forwarded: 1.1.1.1",
        "X-Forwarded-Prefix: /admin",
        "X-Forwarded-User: root",
        "X-Real-IP: 1.1.1.1",
        "x-real-ip:1.1.1.1",
        "X-Isles-Caller: a",
    ] {
        assert_eq!(goes_on(field, AT_EDGE), ADDED, "{field}");
    }
    for (field, inside) in [("X-Forwarded-User: a", "X-Forwarded-User: a|"), ("X-Isles-Caller: a", "")] {
        assert_eq!(goes_on(field, INSIDE), inside, "{field}");
    }
}

#[track_caller]
fn paths(cases: &[(&str, &str)]) {
    for (target, canonical) in cases {
        let head = get(target);
        let request = parse(head.as_bytes()).expect("it is right");
        assert_eq!(request.path(head.as_bytes()), *canonical, "{target}");
    }
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
fn cve_2021_31920_escaped_slashes() {
    refuses(Malformed, &["/a%2fb", "/a%2Fb", "/%2f", "/a/%2e%2e%2fb", "/a%5c..%5cb"].map(get));
    paths(&[("/a//b", "/a//b"), ("//a", "//a"), ("/a%252fb", "/a%252fb")]);
}

#[test]
fn cve_2021_39156_fragments() {
    refuses(Malformed, &["/a#b", "/a#", "/#/../admin", "/a?b#c", "http://a/#b", "http://a#b/"].map(get));
    paths(&[("/a%23b", "/a%23b")]);
}

#[test]
fn cve_2025_66490_encoded_characters_match_as_themselves() {
    paths(&[
        ("/%61dmin", "/admin"),
        ("/%41", "/A"),
        ("/a%7eb%2Dc%5F", "/a~b-c_"),
        ("/a%3fb%c3%a9", "/a%3Fb%C3%A9"),
        ("/a%3bb", "/a%3Bb"),
        ("/a%20b", "/a%20b"),
    ]);
}

#[test]
fn upgrades_that_go_on() {
    for (fields, upgrade) in [
        ("Upgrade: websocket\r\nConnection: Upgrade", Some("websocket")),
        ("Upgrade: a/1\r\nConnection: keep-alive, upgrade", Some("a/1")),
        ("Upgrade: websocket", None),
        ("Connection: upgrade", None),
        ("Upgrade: h2c\r\nConnection: Upgrade", None),
        ("Upgrade: H2\r\nConnection: Upgrade", None),
        ("Upgrade: websocket, h2c\r\nConnection: Upgrade", None),
        ("Upgrade: websocket\r\nUpgrade: h2c\r\nConnection: Upgrade", None),
        ("Upgrade: websocket\r\nConnection: Upgrade\r\nContent-Length: 3", None),
        ("Upgrade: websocket\r\nConnection: Upgrade\r\nTransfer-Encoding: chunked", None),
    ] {
        let head = with(fields);
        assert_eq!(parse(head.as_bytes()).unwrap().upgrade(head.as_bytes()), upgrade.map(str::as_bytes), "{fields:?}");
    }
}

#[test]
fn cve_2026_2833_an_upgrade_is_only_a_wish() {
    let first = with("Upgrade: websocket\r\nConnection: Upgrade");
    let stream = format!("{first}{}", get("/admin"));
    let request = parse(stream.as_bytes()).unwrap();
    assert_eq!((request.framing(), request.length()), (Framing::None, first.len()));
    let rest = &stream.as_bytes()[request.length()..];
    assert_eq!(parse(rest).unwrap().path(rest), "/admin");
}

#[test]
fn cve_2024_23326_only_a_101_switches() {
    for (status, upgrade) in
        [("101 Switching Protocols", Some(&b"websocket"[..])), ("200 OK", None), ("426 Upgrade Required", None)]
    {
        let head = format!("HTTP/1.1 {status}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
        let mut response = ResponseHead::default();
        assert_eq!(response.parse(head.as_bytes(), false, &HeadLimits::default()), Ok(true));
        assert_eq!(response.upgrade(head.as_bytes()), upgrade, "{status}");
    }
}

#[test]
fn cve_2026_2835_http10_with_transfer_encoding() {
    refuses(
        Malformed,
        &[
            "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
            "POST / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n",
            "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n",
        ],
    );
}

#[test]
fn cve_2026_2835_no_request_lasts_until_the_close() {
    for head in ["POST / HTTP/1.0\r\nHost: a\r\n\r\n", "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"] {
        assert_eq!(parse(head.as_bytes()).unwrap().framing(), Framing::None, "{head:?}");
    }
}

#[test]
fn expectations() {
    for (fields, goes_on_as) in [
        ("Expect: 100-continue", "Expect: 100-continue|"),
        ("expect: 100-Continue", "expect: 100-Continue|"),
        ("Expect: 200-ok", ""),
    ] {
        let head = with(fields);
        assert_eq!(parse(head.as_bytes()).unwrap().expects_continue(), !goes_on_as.is_empty());
        assert_eq!(goes_on(fields, INSIDE), goes_on_as);
    }
    refuses_fields(Malformed, &["Expect: 100-continue\r\nExpect: 100-continue", "Expect: a\r\nExpect: 100-continue"]);
}

#[test]
fn cve_2016_5385_httpoxy() {
    assert_eq!(goes_on("Proxy: http://evil.example", AT_EDGE), goes_on("Connection: close", AT_EDGE));
    assert_eq!(goes_on("proxy: x", INSIDE), "");
}

fn response(head: &str) -> Result<ResponseHead, HeadErrorKind> {
    let mut response = ResponseHead::default();
    assert!(
        response.parse(head.as_bytes(), false, &HeadLimits::default()).map_err(|error| error.kind)?,
        "incomplete: {head:?}"
    );
    Ok(response)
}

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

#[test]
fn bounds_of_heads() {
    let fields = |count: usize| format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "a: b\r\n".repeat(count));
    let value = |length: usize| with(&format!("a: {}", "b".repeat(length)));
    let target = |length: usize| get(&format!("/{}", "b".repeat(length)));
    refuses(TooLarge, &[fields(100), value(70_000)]);
    refuses(TargetTooLong, &[target(8_192)]);
    for head in [fields(99), value(60_000), target(8_191)] {
        assert!(parse(head.as_bytes()).is_ok());
    }
    // Refused as soon as it is certain, not only once it is whole.
    let endless = format!("GET / HTTP/1.1\r\na: {}", "b".repeat(64 * 1024));
    refuses(TooLarge, &[endless]);
}
