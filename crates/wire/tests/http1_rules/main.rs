//! The rules of HTTP/1.1 that a proxy must keep, and what others' advisories teach: each a test. Refused, never repaired.
//! What takes a whole mesh is in `crates/mesh/tests/it/{framing,lessons,hostile,upgrades}.rs`.
//!
//! | rule | test |
//! |---|---|
//! | `Content-Length` beside `Transfer-Encoding` (RFC 9112 6.1, 6.3) | `framing::content_length_and_transfer_encoding` |
//! | `Transfer-Encoding` is `chunked`, once, spelled so (6.1, 7) | `framing::transfer_encoding_is_chunked` |
//! | `Content-Length` is one number on one line (6.2, 6.3) | `framing::content_length_is_one_number` |
//! | no bare LF, bare CR or NUL (2.2) | `fields::no_bare_line_ends_and_no_control_characters` |
//! | no folded lines, no blank before the colon or the first field, names are tokens (2.2, 5.1, 5.2) | `fields::field_lines` |
//! | request lines have three words, the method is of capital letters (3) | `fields::request_lines` |
//! | chunk sizes are 1 to 16 hexadecimal digits, data ends with CR LF (7.1) | `chunks::chunk_lines` |
//! | chunk extensions: 256 bytes a line, 16 KiB in all; never passed on | `chunks::chunk_extensions_are_bounded_and_end_here` |
//! | trailers end here, and are bounded (7.1.2) | `chunks::trailers_end_here` |
//! | exactly one valid `Host` (3.2) | `host::exactly_one_valid_host` |
//! | absolute-form takes the place of `Host`, authority-form is refused (3.2.2, 3.2.3) | `target::forms_of_targets` |
//! | names with `_` that collide with `-` | `lessons::cve_2025_64484_ghsa_5m6w_wvh7_57vm_underscores_for_hyphens` |
//! | hop-by-hop fields end here (RFC 9110 7.6.1) | `lessons::pingora_713_hop_by_hop_fields_end_here` |
//! | `Connection` cannot strip what the gateway adds | `lessons::cve_2024_45410_cve_2025_48865_connection_cannot_strip_what_is_added` |
//! | what the gateway alone may say is replaced at the edge | `lessons::ghsa_6384_m2mw_rf54_whatever_is_like_forwarded_ends_at_the_edge` |
//! | one canonical path | `target::one_canonical_path`, `target::escaped_slashes_are_a_part_of_their_segment`, `lessons::cve_2026_26205_a_path_that_looks_like_an_authority`, `lessons::cve_2021_31920_escaped_slashes`, `lessons::cve_2021_39156_fragments`, `lessons::cve_2025_66490_encoded_characters_match_as_themselves` |
//! | an upgrade: one protocol, no body, never `h2c` | `fields::upgrades_that_go_on` |
//! | no tunnel before a 101 | `lessons::cve_2026_2833_an_upgrade_is_only_a_wish`, `lessons::cve_2024_23326_only_a_101_switches` |
//! | no `Transfer-Encoding` in HTTP/1.0, no request until close | `lessons::cve_2026_2835_http10_with_transfer_encoding`, `lessons::cve_2026_2835_no_request_lasts_until_the_close` |
//! | one `Expect` | `fields::expectations` |
//! | `Proxy` ends here | `lessons::cve_2016_5385_httpoxy` |
//! | responses: the same framing, and none where there is no body (RFC 9110 8.6, RFC 9112 6.1) | `responses::framing_of_responses`, `responses::lines_of_responses` |
//! | bounds | `fields::bounds_of_heads` |

mod chunks;
mod fields;
mod framing;
mod host;
mod lessons;
mod responses;
mod target;

use std::net::{IpAddr, Ipv4Addr};

use wire::http1::HeadErrorKind::{Malformed, NotImplemented, TargetTooLong, TooLarge};
use wire::http1::{
    Body, Edge, Framing, HeadErrorKind, HeadLimits, RequestHead, RequestLine, ResponseHead, end_request, write_request,
};

pub(crate) fn parse(head: &[u8]) -> Result<RequestHead, HeadErrorKind> {
    let mut request = RequestHead::default();
    let whole = request.parse(head, &HeadLimits::default()).map_err(|error| error.kind)?;
    assert!(whole, "incomplete: {:?}", String::from_utf8_lossy(head));
    Ok(request)
}

#[track_caller]
pub(crate) fn refuses(kind: HeadErrorKind, heads: &[impl AsRef<[u8]>]) {
    for head in heads.iter().map(AsRef::as_ref) {
        assert_eq!(parse(head).map(|_| ()), Err(kind), "{:?}", String::from_utf8_lossy(&head[..head.len().min(80)]));
    }
}

/// These field lines, each in a request that would be right without it.
#[track_caller]
pub(crate) fn refuses_fields(kind: HeadErrorKind, fields: &[&str]) {
    let heads: Vec<_> = fields.iter().map(|field| with(field)).collect();
    refuses(kind, &heads);
}

pub(crate) fn with(field: &str) -> String {
    format!("POST / HTTP/1.1\r\nHost: a\r\n{field}\r\n\r\n")
}

pub(crate) fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n")
}

pub(crate) const INSIDE: RequestLine = RequestLine::AS_IT_CAME;
pub(crate) const AT_EDGE: RequestLine = RequestLine {
    edge: Some(Edge { peer: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7)), scheme: "http", trusted: false }),
    ..INSIDE
};

/// The head that goes on.
pub(crate) fn sent(head: &str, line: RequestLine) -> String {
    let request = parse(head.as_bytes()).expect("it is right");
    let mut sent = Vec::new();
    write_request(head.as_bytes(), &request, line, &mut sent);
    end_request(&request, None, &mut sent);
    String::from_utf8(sent).expect("it was text")
}

/// The field lines that go on, of a request with these.
pub(crate) fn goes_on(fields: &str, line: RequestLine) -> String {
    let sent = sent(&with(fields), line);
    let fields = sent.strip_prefix("POST / HTTP/1.1\r\nHost: a\r\n").expect("the host goes on first");
    fields.strip_suffix("\r\n").expect("an empty line ends it").replace("\r\n", "|")
}

pub(crate) fn decode(body: &[u8]) -> Result<(String, usize), &'static str> {
    let mut bytes = body.to_vec();
    let compacted = Body::new(Framing::Chunked).compact(&mut bytes).map_err(|error| error.detail)?;
    assert!(compacted.done, "incomplete: {:?}", String::from_utf8_lossy(body));
    Ok((String::from_utf8_lossy(&bytes[compacted.data]).into(), compacted.consumed))
}

#[track_caller]
pub(crate) fn paths(cases: &[(&str, &str)]) {
    for (target, canonical) in cases {
        let head = get(target);
        let request = parse(head.as_bytes()).expect("it is right");
        assert_eq!(request.path(head.as_bytes()), *canonical, "{target}");
    }
}

pub(crate) fn response(head: &str) -> Result<ResponseHead, HeadErrorKind> {
    let mut response = ResponseHead::default();
    assert!(
        response.parse(head.as_bytes(), false, &HeadLimits::default()).map_err(|error| error.kind)?,
        "incomplete: {head:?}"
    );
    Ok(response)
}
