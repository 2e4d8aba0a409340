//! What messages say and how they go on; and what holds for every input. What is refused is in `tests/http1_rules`.

use std::net::{IpAddr, Ipv4Addr};

use proptest::prelude::*;

use super::*;
use crate::pieces::split;

fn request(head: &str) -> Result<RequestHead, HeadError> {
    let mut request = RequestHead::default();
    assert!(request.parse(head.as_bytes(), &HeadLimits::default())?, "incomplete: {head:?}");
    Ok(request)
}

fn response(head: &str, to_head: bool) -> Result<ResponseHead, HeadError> {
    let mut response = ResponseHead::default();
    assert!(response.parse(head.as_bytes(), to_head, &HeadLimits::default())?, "incomplete: {head:?}");
    Ok(response)
}

fn forwarded(head: &str, line: RequestLine) -> String {
    let mut out = Vec::new();
    let request = request(head).unwrap();
    write_request(head.as_bytes(), &request, line, &mut out);
    end_request(&request, None, &mut out);
    String::from_utf8(out).unwrap()
}

const INSIDE: RequestLine = RequestLine::AS_IT_CAME;

#[test]
fn what_a_request_says() {
    for (head, framing, keep_alive, host, path) in [
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", Framing::None, true, "a", "/"),
        ("GET /x HTTP/1.1\r\nHost: a:1\r\nConnection: Close\r\n\r\n", Framing::None, false, "a:1", "/x"),
        ("GET / HTTP/1.0\r\nHost: a\r\n\r\n", Framing::None, false, "a", "/"),
        ("GET / HTTP/1.0\r\nHost: a\r\nConnection: x, Keep-Alive\r\n\r\n", Framing::None, true, "a", "/"),
        ("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 07\r\n\r\n", Framing::Length(7), true, "a", "/"),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n", Framing::Chunked, true, "a", "/"),
        ("GET http://B/x/../y HTTP/1.1\r\nHost: a\r\n\r\n", Framing::None, true, "B", "/y"),
        ("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", Framing::None, true, "a", "*"),
    ] {
        let parsed = request(head).unwrap();
        let bytes = head.as_bytes();
        let said = (parsed.framing(), parsed.keep_alive(), parsed.host(bytes), parsed.path(bytes));
        assert_eq!(said, (framing, keep_alive, host, path), "{head:?}");
    }
}

#[test]
fn how_a_request_goes_on() {
    let edge = Edge { peer: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7)), scheme: "http", trusted: false };
    let at_edge = RequestLine { edge: Some(edge), ..INSIDE };
    for (head, line, expected) in [
        (
            "GET /a?b HTTP/1.0\r\nHost: a\r\nCookie:  x \r\nConnection: close, X-Drop\r\nX-Drop: 1\r\nTE: trailers\r\nAccept: */*\r\n\r\n",
            INSIDE,
            "GET /a?b HTTP/1.1\r\nHost: a\r\nCookie:  x \r\nAccept: */*\r\n\r\n",
        ),
        (
            "POST /a/./b?c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: x\r\nExpect: 100-continue\r\n\r\n",
            INSIDE,
            "POST /a/b?c HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\ntransfer-encoding: chunked\r\n\r\n",
        ),
        (
            "GET /api/x?y HTTP/1.1\r\nHost: a\r\nX-Isles-Reason: z\r\n\r\n",
            RequestLine { strip: 4, ..INSIDE },
            "GET /x?y HTTP/1.1\r\nHost: a\r\n\r\n",
        ),
        (
            "GET /api?y HTTP/1.1\r\nHost: a\r\n\r\n",
            RequestLine { strip: 4, ..INSIDE },
            "GET /?y HTTP/1.1\r\nHost: a\r\n\r\n",
        ),
        (
            "GET /a/../api/x HTTP/1.1\r\nHost: a\r\nX-Forwarded-Prefix: /admin\r\n\r\n",
            RequestLine { strip: 4, ..at_edge },
            "GET /x HTTP/1.1\r\nx-forwarded-prefix: /api\r\nHost: a\r\nx-forwarded-for: 192.0.2.7\r\nx-forwarded-proto: http\r\nx-forwarded-host: a\r\n\r\n",
        ),
        ("GET http://b/x HTTP/1.1\r\nHost: a\r\n\r\n", INSIDE, "GET /x HTTP/1.1\r\nhost: b\r\n\r\n"),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 1.1.1.1\r\nForwarded: for=x\r\nConnection: X-Forwarded-For, Host\r\n\r\n",
            at_edge,
            "GET / HTTP/1.1\r\nHost: a\r\nx-forwarded-for: 192.0.2.7\r\nx-forwarded-proto: http\r\nx-forwarded-host: a\r\n\r\n",
        ),
        (
            "GET / HTTP/1.1\r\nX-Forwarded-For: 1.1.1.1\r\nHost: a\r\n\r\n",
            INSIDE,
            "GET / HTTP/1.1\r\nX-Forwarded-For: 1.1.1.1\r\nHost: a\r\n\r\n",
        ),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n\r\n",
            INSIDE,
            "GET / HTTP/1.1\r\nHost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n",
        ),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\nConnection: Upgrade, HTTP2-Settings\r\n\r\n",
            INSIDE,
            "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        ),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nUpgrade: x\r\nConnection: upgrade\r\nContent-Length: 1\r\n\r\n",
            INSIDE,
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n",
        ),
    ] {
        assert_eq!(forwarded(head, line), expected, "{head:?}");
    }
}

#[test]
fn what_a_response_says() {
    for (head, to_head, framing, keep_alive) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", false, Framing::Length(3), true),
        ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", true, Framing::None, true),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", false, Framing::Chunked, true),
        ("HTTP/1.1 200\r\n\r\n", false, Framing::UntilClose, false),
        ("HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\n", false, Framing::Length(3), false),
        ("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 3\r\n\r\n", false, Framing::Length(3), true),
        ("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n", false, Framing::None, false),
        ("HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\n", false, Framing::None, true),
        ("HTTP/1.1 100 Continue\r\n\r\n", false, Framing::None, true),
    ] {
        let parsed = response(head, to_head).unwrap();
        assert_eq!((parsed.framing(), parsed.keep_alive()), (framing, keep_alive), "{head:?}");
    }
}

#[test]
fn how_a_response_goes_on() {
    for (head, framing, connection, expected) in [
        (
            "HTTP/1.0 404 Not There\r\nServer: x\r\nConnection: close\r\nKeep-Alive: 1\r\nX-Isles-Reason: y\r\nContent-Length: 3\r\n\r\n",
            Framing::Length(3),
            None,
            "HTTP/1.1 404 Not There\r\nServer: x\r\nContent-Length: 3\r\n\r\n",
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: z\r\n\r\n",
            Framing::Chunked,
            Some("keep-alive"),
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nconnection: keep-alive\r\n\r\n",
        ),
        (
            "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n",
            Framing::None,
            Some("close"),
            "HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n",
        ),
        (
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
            Framing::None,
            Some("upgrade"),
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nconnection: upgrade\r\n\r\n",
        ),
    ] {
        let mut out = Vec::new();
        write_response(head.as_bytes(), &response(head, false).unwrap(), framing, connection, &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}

/// A head as it goes on, and its body.
type Message = (Vec<u8>, Vec<u8>);

/// Reads requests with their bodies from pieces, as a connection would; ends at the first refusal.
fn read_all(pieces: &[&[u8]]) -> Vec<Result<Message, HeadError>> {
    let (mut input, mut messages) = (Vec::new(), Vec::new());
    let (mut head, mut current) = (RequestHead::default(), None::<(Body, Vec<u8>, Vec<u8>)>);
    for piece in pieces {
        input.extend_from_slice(piece);
        loop {
            if let Some((body, sent, data)) = &mut current {
                let compacted = match body.compact(&mut input) {
                    Ok(compacted) => compacted,
                    Err(error) => {
                        messages.push(Err(error));
                        return messages;
                    }
                };
                data.extend_from_slice(&input[compacted.data]);
                input.drain(..compacted.consumed);
                if !compacted.done {
                    break;
                }
                messages.push(Ok((std::mem::take(sent), std::mem::take(data))));
                current = None;
            }
            match head.parse(&input, &HeadLimits::default()) {
                Ok(false) => break,
                Ok(true) => {
                    let mut sent = Vec::new();
                    write_request(&input, &head, INSIDE, &mut sent);
                    end_request(&head, None, &mut sent);
                    input.drain(..head.length());
                    current = Some((Body::new(head.framing()), sent, Vec::new()));
                }
                Err(error) => {
                    messages.push(Err(error));
                    return messages;
                }
            }
        }
    }
    messages
}

fn encode(pieces: &[Vec<u8>]) -> Vec<u8> {
    let mut encoded = Vec::new();
    for piece in pieces.iter().filter(|piece| !piece.is_empty()) {
        encoded.extend_from_slice(ChunkHead::new(piece.len()).as_bytes());
        encoded.extend_from_slice(piece);
        encoded.extend_from_slice(CHUNK_END);
    }
    encoded.extend_from_slice(LAST_CHUNK);
    encoded
}

/// Text that is nearly HTTP: the parts of requests in any order.
fn nearly_http() -> impl Strategy<Value = Vec<u8>> {
    let part = prop::sample::select(vec![
        "GET / HTTP/1.1\r\n",
        "POST /a/../b HTTP/1.1\r\n",
        "Host: a\r\n",
        "Content-Length: 3\r\n",
        "abc",
        "Transfer-Encoding: chunked\r\n",
        "\r\n",
        "3\r\nabc\r\n",
        "0\r\n\r\n",
        "X: y\r\n",
        "\n",
        " ",
        "\r",
        "Connection: x\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n",
    ]);
    prop::collection::vec(part, 0..12).prop_map(|parts| parts.concat().into_bytes())
}

proptest! {
    #[test]
    fn fragmentation_changes_nothing(input in nearly_http(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8)) {
        prop_assert_eq!(read_all(&split(&input, &cuts)), read_all(&[&input]));
    }

    #[test]
    fn chunks_survive_a_round_trip(
        pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..8),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let encoded = encode(&pieces);
        let (mut body, mut decoded) = (Body::new(Framing::Chunked), Vec::new());
        for piece in split(&encoded, &cuts) {
            let mut piece = piece.to_vec();
            let compacted = body.compact(&mut piece).unwrap();
            prop_assert_eq!(compacted.consumed, piece.len());
            decoded.extend_from_slice(&piece[compacted.data]);
        }
        prop_assert!(body.is_done());
        prop_assert_eq!(decoded, pieces.concat());
    }

    #[test]
    fn nothing_panics(input in prop::collection::vec(any::<u8>(), 0..400), to_head in any::<bool>()) {
        read_all(&[&input]);
        let _ = ResponseHead::default().parse(&input, to_head, &HeadLimits::default());
        let _ = Body::new(Framing::Chunked).compact(&mut input.clone());
    }

    #[test]
    fn what_goes_on_is_read_the_same(input in nearly_http()) {
        for message in read_all(&[&input]).into_iter().flatten() {
            let again = read_all(&[&message.0]);
            let framed = RequestHead::default().parse(&message.0, &HeadLimits::default());
            prop_assert_eq!(framed, Ok(true));
            if let [Ok((sent, _))] = &again[..] {
                prop_assert_eq!(sent, &message.0);
            }
        }
    }
}
