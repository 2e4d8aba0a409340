//! What is nearly a response, to a GET or a HEAD.

use proptest::{prelude::*, sample::select};

use crate::messages::{FIELDS, Sent, body, edited, line_end, mostly};

const LINES: &[&str] = &[
    "HTTP/1.0 200 OK",
    "HTTP/1.0 200 OK",
    "HTTP/1.1 204 No Content",
    "HTTP/1.1 304 Not Modified",
    "HTTP/1.1 404 Not Found",
    "HTTP/1.1 503 X",
    "HTTP/1.1 205 Reset Content",
    "HTTP/1.1 200",
    "HTTP/1.1 200 ",
    "HTTP/1.1 200  OK",
    "HTTP/1.1  200 OK",
    "HTTP/1.1\t200 OK",
    "HTTP/1.1 200 \u{e9}",
    "HTTP/1.1 200 O\tK",
    "HTTP/1.2 200 OK",
    "HTTP/2.0 200 OK",
    "HTTP/0.9 200 OK",
    "http/1.1 200 OK",
    "HTTP/1.1 99 X",
    "HTTP/1.1 999 X",
    "HTTP/1.1 20 OK",
    "HTTP/1.1 2000 OK",
    "HTTP/1.1 +20 OK",
    "HTTP/1.1 100 Continue",
    "HTTP/1.1 101 Switching Protocols",
    "ICY 200 OK",
    "200 OK",
    "",
];
const INTERIM: &[&str] = &[
    "HTTP/1.1 100 Continue\r\n\r\n",
    "HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n",
    "HTTP/1.1 100 Continue\r\nContent-Length: 3\r\n\r\n",
    "HTTP/1.1 102 Processing\r\nTransfer-Encoding: chunked\r\n\r\n",
    "\r\n",
];

/// A response, and whether the request was a HEAD.
pub(super) fn response() -> impl Strategy<Value = (Sent, bool)> {
    let fields = prop_oneof![1 => Just(Vec::new()), 1 => prop::collection::vec(select(FIELDS), 1..3)];
    let parts = (interim(), mostly("HTTP/1.1 200 OK", LINES), fields, framed(), line_end(), line_end());
    let text = parts.prop_map(|(interim, line, fields, (framing, body), first_end, last_end)| {
        let fields = fields.into_iter().map(str::to_owned).chain(framing);
        let fields: String = fields.map(|field| field + "\r\n").collect();
        format!("{interim}{line}{first_end}{fields}{last_end}{body}")
    });
    (edited(text), prop::bool::weighted(0.1))
}

fn interim() -> impl Strategy<Value = String> {
    prop_oneof![15 => Just(String::new()), 1 => select(INTERIM).prop_map(str::to_owned)]
}

/// As requests are framed, or until the end of the connection.
fn framed() -> impl Strategy<Value = (Option<String>, String)> {
    prop_oneof![5 => body(), 1 => Just((None, "abc".to_owned()))]
}
