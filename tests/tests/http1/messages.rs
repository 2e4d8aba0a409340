//! What is nearly a valid connection: requests one behind the other, some of them odd.

use std::fmt;

use proptest::{prelude::*, sample::select};

const METHODS: &[&str] =
    &["POST", "HEAD", "PUT", "OPTIONS", "DELETE", "PATCH", "M-SEARCH", "get", "G@T", "", "G\tT", "PROPFIND"];
const BLANKS: &[&str] = &["  ", "\t", "", " \t", "\u{b}", "\r"];
const LINE_ENDS: &[&str] = &["\n", "\r", "\r\r\n", "\n\r", "\r\n ", "\r\n\t", " \r\n", "\0\r\n"];
const VERSIONS: &[&str] = &[
    "HTTP/1.0",
    "HTTP/1.0",
    "HTTP/1.2",
    "HTTP/2.0",
    "HTTP/0.9",
    "http/1.1",
    "HTTP/1.01",
    "HTTP/1.",
    "HTTP/11",
    "HTTP/1.1x",
    "HTTP /1.1",
    "",
];
const TARGETS: &[&str] = &[
    "/a/./b",
    "/a/../b",
    "/a/b/..",
    "/../a",
    "/a//b",
    "//a",
    "/a%2fb",
    "/a%5Cb",
    "/a%00",
    "/a%0d%0ab",
    "/%2e%2e/a",
    "/%2E/a",
    "/a\\b",
    "/a;b=c/d",
    "/..;/a",
    "/.;a/b",
    "/%2e%2e%3b/a",
    "/a#b",
    "/a%23b",
    "/a?b#c",
    "/a?b?c",
    "/a?%00",
    "/a??",
    "/?",
    "*",
    "a",
    "",
    "a:80",
    "http://a/b",
    "http://b/../c",
    "http://u@a/",
    "http://a",
    "http://a?b",
    "http://b:81/c",
    "http://B/c",
    "http://b./c",
    "http://[::1]:80/c",
    "https://b:081/c",
    "HTTP://a/",
    "http://a:/",
    "http://a:x/",
    "http:///a",
    "http://",
    "https://a/",
    "ftp://a/",
    "http:a",
    "/a b",
    "/%",
    "/%g0",
    "/%c3%a9",
    "/é",
    "/a\u{7f}",
    "/a|b",
    "/<a>",
    "/a\"b",
    "/{a}",
    "/a^b`",
    "/[a]",
    "/~a",
    "/%7Ea",
    "/a'b",
    "/a!b$c&d(e)f*g+h,i:j=k@l",
    "/a%3Fb",
    "/a%25b",
    "/a/%2e%2e%2fb",
    "/?a=<b>\"{|}^`\\",
];
const HOSTS: &[&str] = &[
    "", "a b", "a:80", "a:", "a:x", "a:99999", ":80", "a/b", "a?b", "a#b", "u@a", "a,b", "[::1]", "[::1]:80", "[::1",
    "[a]", "a..b", ".a", "a.", "a_b", "-a", "%61", "é", "a\0b", "a\\b", "1.2.3.4", "a;b", "*", "\ta", "A", "a:080",
];
const LENGTHS: &[&str] = &[
    "0",
    "03",
    "+3",
    "-3",
    "3,3",
    "3, 3",
    "3 3",
    "0x3",
    "3.0",
    "3;",
    "",
    " 3 ",
    "\t3",
    "3\t",
    "18446744073709551619",
    "99999999999999999999",
    "９",
    "3\u{b}",
    "2",
    "4",
    "\"3\"",
];
const CODINGS: &[&str] = &[
    "Chunked",
    "CHUNKED",
    " chunked ",
    "\tchunked",
    "chunked\t",
    "chunked,",
    ",chunked",
    "chunked, chunked",
    "gzip, chunked",
    "chunked, gzip",
    "identity",
    "identity, chunked",
    "gzip",
    "xchunked",
    "chunked;q=1",
    "\"chunked\"",
    "chunk",
    "",
    "\u{b}chunked",
    "chunked\0",
    "c\u{212a}unked",
];
const CHUNKS: &[&str] = &[
    "3\r\nabc\r\n0\r\n\r\n",
    "1\r\na\r\n2\r\nbc\r\n0\r\n\r\n",
    "03\r\nabc\r\n00\r\n\r\n",
    "3;a=b\r\nabc\r\n0;c\r\n\r\n",
    "3 \r\nabc\r\n0\r\n\r\n",
    " 3\r\nabc\r\n0\r\n\r\n",
    "3 ;a\r\nabc\r\n0\r\n\r\n",
    "3\t\r\nabc\r\n0\r\n\r\n",
    "0x3\r\nabc\r\n0\r\n\r\n",
    "+3\r\nabc\r\n0\r\n\r\n",
    "-3\r\nabc\r\n0\r\n\r\n",
    "3\nabc\n0\n\n",
    "3\r\nabc0\r\n\r\n",
    "3\r\nabcd\r\n0\r\n\r\n",
    "3\r\nab\r\n0\r\n\r\n",
    "3;a\nb\r\nabc\r\n0\r\n\r\n",
    "3;\r\nabc\r\n0\r\n\r\n",
    "3;a=\"b\r\n\"\r\nabc\r\n0\r\n\r\n",
    "3\rabc\r\n0\r\n\r\n",
    "\r\n3\r\nabc\r\n0\r\n\r\n",
    "3_\r\nabc\r\n0\r\n\r\n",
    "A\r\n0123456789\r\n0\r\n\r\n",
    "a\r\n0123456789\r\n0\r\n\r\n",
    "10000000000000003\r\nabc\r\n0\r\n\r\n",
    "fffffffffffffff\r\nabc\r\n0\r\n\r\n",
    "0000000000000003\r\nabc\r\n0\r\n\r\n",
    "00000000000000003\r\nabc\r\n0\r\n\r\n",
    "0\r\n\r\n",
    "0\r\n",
    "0\r\nX: y\r\n\r\n",
    "0\r\nX : y\r\n\r\n",
    "0\r\nHost: b\r\nContent-Length: 3\r\n\r\n",
    "0\r\nX\r\n\r\n",
    "0\r\nX: y\n\r\n",
    "0\r\n X: y\r\n\r\n",
    "0\r\nX: y\r\n z\r\n\r\n",
    "0\n\n",
    "0\r\n\n",
    "0\n\r\n",
    "0\r\nX: \0\r\n\r\n",
    "0\r\n: y\r\n\r\n",
    "0;a=\0\r\n\r\n",
    "3;\u{7f}\r\nabc\r\n0\r\n\r\n",
    "",
    "x\r\n",
];
pub(crate) const FIELDS: &[&str] = &[
    "Accept: */*",
    "A:",
    "A:b",
    "A:  b  ",
    "A:\tb",
    "A: b\tc",
    "A : b",
    "A\t: b",
    " A: b",
    "\tA: b",
    ": b",
    "A",
    "A b: c",
    "A: b\0",
    "A: b\rc",
    "A: \u{1}",
    "A: b\u{7f}",
    "A: é",
    "é: b",
    "A_B: c",
    "Content_Length: 9",
    "Transfer_Encoding: chunked",
    "Host_: b",
    "A(: b",
    "A/b: c",
    "A\": b",
    "Connection: close",
    "Connection: keep-alive",
    "Connection: Keep-Alive, Host",
    "Connection: close, keep-alive",
    "Connection: content-length, transfer-encoding",
    "Connection: a b",
    "Connection: ",
    "Connection: upgrade",
    "Upgrade: websocket",
    "Upgrade: h2c",
    "HTTP2-Settings: AAMAAABkAAQAAP__",
    "Expect: 100-continue",
    "Expect: 200-ok",
    "TE: trailers",
    "Trailer: Host",
    "Keep-Alive: timeout=1",
    "Proxy-Connection: close",
    "X-Forwarded-For: 1.2.3.4",
    "X-Isles-Reason: a",
    "Host: b",
    "host: a",
    "HOST: a",
    "Content-Length: 3",
    "content-length: 0",
    "Transfer-Encoding: chunked",
    "transfer-encoding: identity",
    "Cookie: a=b; c=d",
    "Range: bytes=0-1",
    "If-None-Match: \"a\"",
    "Authorization: Basic Og==",
];
const ODD_BYTES: &[&str] = &[
    "\r", "\n", "\r\n", "\0", " ", "\t", ":", ";", ",", "%", "/", "0", "\u{80}", "\u{7f}", "\u{b}", "#", "?", "_", "+",
];

/// What a client sends on one connection.
#[derive(Clone)]
pub(crate) struct Sent(pub(crate) Vec<u8>);

impl fmt::Debug for Sent {
    /// As text, so that a failure can be read.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.escape_ascii())
    }
}

/// Any connection.
pub(crate) fn connection() -> impl Strategy<Value = Sent> {
    let gap = mostly("", &["\r\n", "\n", " ", "\r", "\0", "\r\n\r\n"]);
    let requests = prop::collection::vec((gap, request()).prop_map(|(gap, request)| gap + &request), 1..4);
    edited(requests.prop_map(|requests| requests.concat()))
}

/// In one of six cases with some bytes taken out or put in.
pub(crate) fn edited(text: impl Strategy<Value = String>) -> impl Strategy<Value = Sent> {
    let edits = prop_oneof![5 => Just(vec![]), 1 => prop::collection::vec((any::<prop::sample::Index>(), 0..3_usize, odd_bytes()), 1..3)];
    (text, edits).prop_map(|(text, edits)| {
        let mut bytes = text.into_bytes();
        for (at, removed, inserted) in edits {
            let at = at.index(bytes.len() + 1);
            let end = (at + removed).min(bytes.len());
            bytes.splice(at..end, inserted.bytes());
        }
        Sent(bytes)
    })
}

fn request() -> impl Strategy<Value = String> {
    let line = (mostly("GET", METHODS), often(" ", BLANKS), target(), often(" ", BLANKS), mostly("HTTP/1.1", VERSIONS));
    let line =
        line.prop_map(|(method, blank, target, second, version)| format!("{method}{blank}{target}{second}{version}"));
    let host = mostly("a", HOSTS).prop_map(|host| format!("Host: {host}"));
    let host = prop_oneof![30 => host, 1 => Just("A: b".to_owned())];
    let fields = prop_oneof![1 => Just(Vec::new()), 1 => prop::collection::vec(select(FIELDS), 1..3)];
    (line, host, fields, body(), any::<bool>(), line_end(), line_end()).prop_map(assemble)
}

type Parts = (String, String, Vec<&'static str>, (Option<String>, String), bool, String, String);

fn assemble((line, host, fields, (framing, body), host_last, first_end, last_end): Parts) -> String {
    let mut lines: Vec<String> = fields.iter().map(|&field| field.to_owned()).collect();
    lines.extend(framing);
    lines.insert(if host_last { lines.len() } else { 0 }, host);
    format!("{line}{first_end}{}\r\n{last_end}{body}", lines.join("\r\n"))
}

fn target() -> impl Strategy<Value = String> {
    prop_oneof![3 => Just("/".to_owned()), 2 => Just("/a/b?c=d".to_owned()), 2 => select(TARGETS).prop_map(str::to_owned)]
}

/// The fields that frame a body, and the body.
pub(crate) fn body() -> impl Strategy<Value = (Option<String>, String)> {
    let length = mostly("3", LENGTHS).prop_map(|value| (Some(format!("Content-Length: {value}")), "abc".into()));
    let chunked = (often("chunked", CODINGS), mostly(CHUNKS[0], CHUNKS));
    let chunked = chunked.prop_map(|(coding, body)| (Some(format!("Transfer-Encoding: {coding}")), body));
    let both = (select(LENGTHS), select(CHUNKS)).prop_map(|(length, body)| {
        (Some(format!("Content-Length: {length}\r\nTransfer-Encoding: chunked")), body.into())
    });
    prop_oneof![4 => Just((None, String::new())), 3 => length, 5 => chunked, 1 => both]
}

pub(crate) fn line_end() -> impl Strategy<Value = String> {
    often("\r\n", LINE_ENDS)
}

fn odd_bytes() -> impl Strategy<Value = String> {
    select(ODD_BYTES).prop_map(str::to_owned)
}

/// In one of eight cases something odd.
pub(crate) fn mostly(usual: &'static str, odd: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop_oneof![7 => Just(usual), 1 => select(odd)].prop_map(str::to_owned)
}

/// In one of fifty cases something odd.
pub(crate) fn often(usual: &'static str, odd: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop_oneof![49 => Just(usual), 1 => select(odd)].prop_map(str::to_owned)
}
