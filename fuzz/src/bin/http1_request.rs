//! Heads of requests: however they arrive the verdict is the same, and what goes on means the same.

#![no_main]

use std::net::{IpAddr, Ipv4Addr};

use fuzz::codec::INSIDE;
use libfuzzer_sys::fuzz_target;
use wire::http1::{
    Edge, FieldKind, Framing, HeadLimits, RequestHead, RequestLine, Version, end_request, write_request,
};

const EDGE: Edge = Edge { peer: IpAddr::V4(Ipv4Addr::LOCALHOST), scheme: "http", trusted: false };

fuzz_target!(|bytes: &[u8]| {
    let limits = HeadLimits::default();
    let mut head = RequestHead::default();
    let parsed = head.parse(bytes, &limits);
    assert_eq!(byte_by_byte(bytes), parsed.map(|whole| whole.then(|| head.length())).map_err(|_| ()));
    if parsed != Ok(true) {
        return;
    }
    plain(&bytes[..head.length()], &head);
    let path = head.path(bytes).to_owned();
    assert!(path.starts_with('/') || path == "*", "{path}");
    assert!(!["/../", "/./", "\\", "%2F", "%5C", "%00"].iter().any(|part| path.contains(part)), "{path}");
    same(bytes, &head, &sent(bytes, &head, INSIDE));
    at_edge(bytes, &head, &sent(bytes, &head, RequestLine { edge: Some(EDGE), ..INSIDE }));
});

fn sent(bytes: &[u8], head: &RequestHead, line: RequestLine) -> Vec<u8> {
    let mut sent = Vec::new();
    write_request(bytes, head, line, &mut sent);
    end_request(head, None, &mut sent);
    sent
}

fn byte_by_byte(bytes: &[u8]) -> Result<Option<usize>, ()> {
    let mut head = RequestHead::default();
    for end in 1..=bytes.len() {
        if head.parse(&bytes[..end], &HeadLimits::default()).map_err(|_| ())? {
            assert_eq!(head.length(), end);
            return Ok(Some(end));
        }
    }
    Ok(None)
}

/// What a plain reading of RFC 9112 finds in a head that was taken.
fn plain(bytes: &[u8], head: &RequestHead) {
    let text = bytes.strip_suffix(b"\r\n\r\n").expect("an empty line ends it");
    let lines: Vec<_> = text.split(|byte| *byte == b'\n').collect();
    let (last, others) = lines.split_last().expect("it has a line");
    let lines = others.iter().map(|line| line.strip_suffix(b"\r").expect("no bare LF")).chain([*last]);
    let lines: Vec<_> = lines.collect();
    assert!(!lines.iter().any(|line| line.contains(&b'\r') || line.contains(&0)), "a bare CR, or NUL");
    let count = |name: &str| lines.iter().filter(|line| is_field(line, name)).count();
    let [hosts, lengths, codings] = ["host", "content-length", "transfer-encoding"].map(count);
    assert!(hosts == 1 && lengths + codings <= 1);
    match head.framing() {
        Framing::None => assert_eq!(lengths + codings, 0),
        Framing::Length(_) => assert_eq!(lengths, 1),
        Framing::Chunked => assert!(codings == 1 && head.version() == Version::Http11),
        Framing::UntilClose => panic!("no request lasts until the close"),
    }
}

/// As lax as a server may be: blanks around the name, `_` for `-`.
fn is_field(line: &[u8], name: &str) -> bool {
    let own = line.split(|byte| *byte == b':').next().unwrap_or_default();
    let own = String::from_utf8_lossy(own).trim().replace('_', "-");
    line.contains(&b':') && own.eq_ignore_ascii_case(name)
}

fn same(bytes: &[u8], head: &RequestHead, sent: &[u8]) {
    let before = meaning(bytes, head);
    let mut again = RequestHead::default();
    assert_eq!(again.parse(sent, &HeadLimits { head_bytes_max: 1 << 20, ..HeadLimits::default() }), Ok(true));
    assert_eq!(again.length(), sent.len());
    assert_eq!(before, meaning(sent, &again));
    assert_eq!(sent, self::sent(sent, &again, INSIDE));
}

fn at_edge(bytes: &[u8], head: &RequestHead, sent: &[u8]) {
    let mut again = RequestHead::default();
    // A gateway adds a few fields, so that a head with as many as there may be has too many.
    if !matches!(again.parse(sent, &HeadLimits { head_bytes_max: 1 << 20, ..HeadLimits::default() }), Ok(true)) {
        assert!(head.fields().len() + 4 > HeadLimits::FIELDS_MAX);
        return;
    }
    assert_eq!(meaning(bytes, head), meaning(sent, &again));
    let said = again.fields().iter().filter(|field| field.kind == FieldKind::Forwarded);
    let said: Vec<_> = said.map(|field| field.value.of_head(sent)).collect();
    assert_eq!(said, [&b"127.0.0.1"[..], b"http", head.host(bytes).as_bytes()]);
}

/// What must not change on the way; of the fields those without a meaning to a proxy.
fn meaning(bytes: &[u8], head: &RequestHead) -> impl PartialEq + std::fmt::Debug + use<> {
    let fields = head.fields().iter().filter(|field| field.kind == FieldKind::Other);
    let fields: Vec<_> =
        fields.map(|field| (field.name.of_head(bytes).to_vec(), field.value.of_head(bytes).to_vec())).collect();
    (
        head.method(bytes).to_vec(),
        head.path(bytes).to_owned(),
        head.host(bytes).to_owned(),
        head.framing(),
        head.upgrade(bytes).map(<[u8]>::to_vec),
        head.expects_continue(),
        fields,
    )
}
