//! Instances of HTTP/2 that say that they have not looked at a request (RFC 9113 section 8.7), and that do not.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering::SeqCst},
};

use model::{
    Reason,
    spec::{Breaker, Policy, Protocol},
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::{
    frames::{self, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, RST_STREAM, SETTINGS, frame},
    grpc::grpc,
    http2_client::{connect, request, send},
    rig::*,
};

const REFUSED_STREAM: u32 = 7;
const CANCEL: u32 = 8;
const INTERNAL_ERROR: u32 = 2;
/// SETTINGS that acknowledge those of the peer.
const ACK: u8 = 1;
/// `:status: 200` of the static table (RFC 7541 appendix A).
const OK: &[u8] = &[0x88];

/// What an instance does with its second request, or the last ones; it answers all others.
#[derive(Debug, Clone, Copy)]
enum Second {
    Reset(u32),
    /// Each from the second one on.
    ResetAll(u32),
    /// It takes no streams above this one any more.
    GoAway(u32, u32),
}

fn numbers(numbers: &[u32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_be_bytes()).collect()
}

/// Serves a connection frame by frame; counts the requests that it got whole.
async fn serve(conn: Conn, second: Second, seen: Arc<AtomicU32>) {
    let mut stream = conn.into_stream();
    stream.read_exact(&mut [0; 24]).await.expect("the preface");
    stream.write_all(&frame(SETTINGS, 0, 0, &[])).await.expect("it reads");
    while let Some((kind, flags, id, _)) = frames::next_flagged(&mut stream).await {
        let answer = match kind {
            SETTINGS if flags & ACK == 0 => frame(SETTINGS, ACK, 0, &[]),
            HEADERS | DATA if flags & END_STREAM != 0 => match (seen.fetch_add(1, SeqCst), second) {
                (1, Second::Reset(code)) | (1.., Second::ResetAll(code)) => frame(RST_STREAM, 0, id, &numbers(&[code])),
                (1, Second::GoAway(last, code)) => {
                    let _ = stream.write_all(&frame(GOAWAY, 0, 0, &numbers(&[last, code]))).await;
                    if id <= last {
                        let _ = stream.shutdown().await;
                    }
                    continue;
                }
                _ => [frame(HEADERS, END_HEADERS, id, OK), frame(DATA, END_STREAM, id, b"ok")].concat(),
            },
            _ => continue,
        };
        if stream.write_all(&answer).await.is_err() {
            return;
        }
    }
}

/// Sends two requests with a body, the second one on the connection of the first one. Returns the statuses and how many requests the
/// instance got.
async fn posts(second: Second, over_http2: bool) -> ([u16; 2], u32) {
    let policy = |policy: &mut Policy| (policy.protocol, policy.retries) = (Protocol::Http2, 0);
    let rig = Rig::start(policy, |config| config.workers = 1).await;
    let seen = Arc::new(AtomicU32::new(0));
    let counted = seen.clone();
    rig.serves(move |conn| serve(conn, second, counted.clone())).await;
    let mut statuses = [0; 2];
    if over_http2 {
        let mut sender = connect(&rig, rig.gateway).await;
        for status in &mut statuses {
            *status = send(&mut sender, request("POST", "/", "abc")).await.0;
        }
    } else {
        for status in &mut statuses {
            let mut client = rig.client().await;
            client.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc").await;
            *status = client.response().await.0;
        }
    }
    (statuses, seen.load(SeqCst))
}

#[tokio::test]
async fn what_an_instance_has_not_looked_at_is_sent_again_with_its_body() {
    for second in [Second::Reset(REFUSED_STREAM), Second::GoAway(1, 0), Second::GoAway(1, INTERNAL_ERROR)] {
        for over_http2 in [false, true] {
            assert_eq!(posts(second, over_http2).await, ([200, 200], 3), "{second:?} {over_http2}");
        }
    }
}

#[tokio::test]
async fn what_an_instance_may_have_looked_at_is_not() {
    let failed = Reason::Reset.status();
    for second in [Second::Reset(CANCEL), Second::GoAway(3, 0), Second::GoAway(3, INTERNAL_ERROR)] {
        for over_http2 in [false, true] {
            assert_eq!(posts(second, over_http2).await, ([200, failed], 2), "{second:?} {over_http2}");
        }
    }
}

/// Sends requests that the instance resets one by one, then a good one; returns the reason for which that is refused.
async fn after_resets(by_client: bool, is_grpc: bool) -> Option<String> {
    const FAILURES: u32 = 3;
    let policy = |policy: &mut Policy| {
        (policy.protocol, policy.retries) = (Protocol::Http2, 0);
        policy.breaker = Some(Breaker { consecutive: FAILURES, ..Breaker::default() });
    };
    let rig = Rig::start(policy, |config| config.workers = 1).await;
    let seen = Arc::new(AtomicU32::new(0));
    rig.serves(move |conn| serve(conn, Second::ResetAll(INTERNAL_ERROR), seen.clone())).await;
    let mut sender = connect(&rig, if by_client { rig.gateway } else { rig.connections }).await;
    let mut ask = async || {
        let request = if is_grpc { grpc("/", "abc") } else { request("GET", "/", "") };
        let (_, head, _) = send(&mut sender, request).await;
        head.headers().get("x-isles-reason").map(|reason| reason.to_str().unwrap().to_owned())
    };
    assert_eq!(ask().await, None);
    for _ in 0..FAILURES {
        assert_eq!(ask().await.as_deref(), Some(Reason::Reset.code()));
    }
    ask().await
}

#[tokio::test]
async fn strangers_open_no_breaker_with_what_is_not_grpc() {
    for (by_client, is_grpc, expected) in [
        (true, false, Reason::Reset),
        (true, true, Reason::BreakerOpen),
        (false, false, Reason::BreakerOpen),
        (false, true, Reason::BreakerOpen),
    ] {
        assert_eq!(after_resets(by_client, is_grpc).await.as_deref(), Some(expected.code()), "{by_client} {is_grpc}");
    }
}
