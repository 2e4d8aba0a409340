//! Whom a request is for.

use crate::*;

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
