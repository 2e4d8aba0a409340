//! The lines of a head.

use crate::*;

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
fn bounds_of_heads() {
    let fields = |count: usize| format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "a: b\r\n".repeat(count));
    let value = |length: usize| with(&format!("a: {}", "b".repeat(length)));
    let target = |length: usize| get(&format!("/{}", "b".repeat(length)));
    let options = |count: usize| with(&format!("Connection: {}\r\nConnection: x", "x,".repeat(count - 2)));
    let underscored = |count: usize| with("a_b: c\r\n".repeat(count).trim_end());
    refuses(TooLarge, &[fields(100), value(70_000), options(17), underscored(17)]);
    refuses(TargetTooLong, &[target(8_192)]);
    for head in [fields(99), value(60_000), target(8_191), options(16), underscored(16)] {
        assert!(parse(head.as_bytes()).is_ok());
    }
    let limits = HeadLimits { fields_max: 300, ..HeadLimits::default() };
    for (count, whole) in [(299, Ok(true)), (300, Err(TooLarge))] {
        let read = RequestHead::default().parse(fields(count).as_bytes(), &limits);
        assert_eq!(read.map_err(|error| error.kind), whole);
    }
    // Refused as soon as it is certain, not only once it is whole.
    let endless = format!("GET / HTTP/1.1\r\na: {}", "b".repeat(64 * 1024));
    refuses(TooLarge, &[endless]);
}
