//! What we make of a response.

use tests::codec::encode;
use wire::http1::{Body, Framing, HeadLimits, ResponseHead, write_response};

use super::Answer;

/// The final response, if it is whole.
pub(super) fn read(bytes: &[u8], to_head: bool) -> Option<Answer> {
    let (head, bytes) = final_head(bytes, to_head)?;
    let body = body(&head, bytes)?;
    Some(Answer { status: head.status(), body })
}

/// What a client of HTTP/1.1 gets of it.
pub(super) fn goes_on(bytes: &[u8], to_head: bool) -> Option<Vec<u8>> {
    let (head, bytes) = final_head(bytes, to_head)?;
    let body = body(&head, bytes)?;
    let framing = if head.framing() == Framing::UntilClose { Framing::Chunked } else { head.framing() };
    let mut sent = Vec::new();
    write_response(bytes, &head, framing, None, &mut sent);
    match framing {
        Framing::Chunked => sent.extend(encode(&[&body])),
        _ => sent.extend(body),
    }
    Some(sent)
}

/// The head behind the interim ones, and the bytes from there on. A switch of protocols that nobody asked for is refused.
fn final_head(mut bytes: &[u8], to_head: bool) -> Option<(ResponseHead, &[u8])> {
    loop {
        let mut head = ResponseHead::default();
        if !head.parse(bytes, to_head, &HeadLimits::default()).ok()? || head.status() == 101 {
            return None;
        }
        if head.status() >= 200 {
            return Some((head, bytes));
        }
        bytes = &bytes[head.length()..];
    }
}

fn body(head: &ResponseHead, bytes: &[u8]) -> Option<Vec<u8>> {
    let (mut rest, mut data) = (bytes[head.length()..].to_vec(), Vec::new());
    let mut body = Body::new(head.framing());
    loop {
        let compacted = body.compact(&mut rest).ok()?;
        data.extend_from_slice(&rest[compacted.data]);
        rest.drain(..compacted.consumed);
        if compacted.done {
            return Some(data);
        }
        if compacted.consumed == 0 || rest.is_empty() {
            return body.may_close().then_some(data);
        }
    }
}
