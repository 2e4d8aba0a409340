//! How long a message is.

use crate::*;

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
