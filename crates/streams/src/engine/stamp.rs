//! The release of the instance that published a message, in its headers as they are stored: for sight only.

use std::sync::atomic::Ordering;

use wire::nats::{is_header_block, write_field, write_headers_end, write_status};

use super::headers::rewritten;
use crate::server::{Message, Origin, PAYLOAD_BYTES_MAX};

/// The field. What a program wrote into it gives way.
const FIELD: &str = "Isles-Release";

/// The headers of a message to a topic with the release of the instance that it is from. `None` where they stay as they are: it is from
/// no instance of a release, goes to a bucket or an object store, or has no room for them.
pub(super) fn stamped(message: &Message<'_>, from: &Origin) -> Option<Vec<u8>> {
    let release = from.identity.release.as_ref()?.load(Ordering::Relaxed);
    if message.subject.starts_with(b"$") {
        return None;
    }
    let headers = with_release(message.headers, &release.to_string())?;
    (headers.len() + message.payload.len() <= PAYLOAD_BYTES_MAX).then_some(headers)
}

fn with_release(headers: &[u8], release: &str) -> Option<Vec<u8>> {
    if names_it(headers) {
        return Some(rewritten(headers, &[FIELD], &[(FIELD, release)]));
    }
    let mut block = Vec::with_capacity(headers.len() + 48);
    match headers {
        [] => write_status(None, &mut block),
        // The empty line at its end comes later.
        _ if is_header_block(headers) => block.extend_from_slice(&headers[..headers.len() - 2]),
        // It is refused.
        _ => return None,
    }
    write_field(FIELD, release.as_bytes(), &mut block);
    write_headers_end(&mut block);
    Some(block)
}

fn names_it(headers: &[u8]) -> bool {
    headers.windows(FIELD.len()).any(|window| window.eq_ignore_ascii_case(FIELD.as_bytes()))
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, atomic::AtomicU64};

    use super::*;
    use crate::server::Identity;

    fn of(release: Option<u64>) -> Origin {
        let release = release.map(|number| Arc::new(AtomicU64::new(number)));
        Origin { client: 1, identity: Arc::new(Identity { release, ..Identity::default() }) }
    }

    #[track_caller]
    fn check(from: Option<u64>, subject: &str, headers: &str, payload: &[u8], expected: Option<&str>) {
        let (subject, headers) = (subject.as_bytes(), headers.as_bytes());
        let stamped = stamped(&Message { subject, reply: None, headers, payload }, &of(from));
        assert_eq!(stamped.as_deref().map(|block| str::from_utf8(block).unwrap()), expected);
    }

    #[test]
    fn messages_of_instances_to_topics_tell_the_release() {
        let alone = Some("NATS/1.0\r\nIsles-Release: 12\r\n\r\n");
        let others = Some("NATS/1.0\r\nA: b\r\nIsles-Release: 12\r\n\r\n");
        check(Some(12), "orders.placed", "", b"{}", alone);
        check(Some(12), "orders.placed", "NATS/1.0\r\nA: b\r\n\r\n", b"{}", others);
        check(Some(12), "orders.placed", "NATS/1.0\r\nisles-release: 7\r\nA: b\r\n\r\n", b"{}", others);
    }

    #[test]
    fn all_others_stay_as_they_are() {
        check(None, "orders.placed", "", b"{}", None);
        check(Some(12), "$KV.sent.a", "", b"{}", None);
        check(Some(12), "orders.placed", "no block", b"{}", None);
        let room = PAYLOAD_BYTES_MAX - "NATS/1.0\r\nIsles-Release: 12\r\n\r\n".len();
        check(Some(12), "orders.placed", "", &vec![b'a'; room + 1], None);
        check(Some(12), "orders.placed", "", &vec![b'a'; room], Some("NATS/1.0\r\nIsles-Release: 12\r\n\r\n"));
    }
}
