//! What others had to learn, by the names of their advisories.

use crate::*;

#[test]
fn cve_2025_64484_ghsa_5m6w_wvh7_57vm_underscores_for_hyphens() {
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
fn cve_2024_45410_cve_2025_48865_connection_cannot_strip_what_is_added() {
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
fn ghsa_6384_m2mw_rf54_whatever_is_like_forwarded_ends_at_the_edge() {
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

#[test]
fn cve_2021_31920_escaped_slashes() {
    refuses(Malformed, &["/a%2fb", "/a%2Fb", "/%2f", "/a/%2e%2e%2fb", "/a%5c..%5cb"].map(get));
    paths(&[("/a//b", "/a//b"), ("//a", "//a"), ("/a%252fb", "/a%252fb")]);
}

#[test]
fn cve_2026_26205_a_path_that_looks_like_an_authority() {
    paths(&[("//b/admin", "//b/admin"), ("//b:80//", "//b:80//"), ("///", "///")]);
    let head = get("//b/admin");
    assert_eq!(parse(head.as_bytes()).unwrap().host(head.as_bytes()), "a");
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
fn cve_2016_5385_httpoxy() {
    assert_eq!(goes_on("Proxy: http://evil.example", AT_EDGE), goes_on("Connection: close", AT_EDGE));
    assert_eq!(goes_on("proxy: x", INSIDE), "");
}
