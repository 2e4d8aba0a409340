//! Bodies in chunks.

use crate::*;

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
