//! Bodies as streams: large, slow, both ways at once, and cut short.

use std::{convert::Infallible, time::Duration};

use http_body_util::channel::Channel;
use hyper::{Request, body::Bytes};
use hyper_util::rt::{TokioExecutor, TokioIo};
use mesh::TlsConfig;
use model::{
    Reason,
    figures::ConnectionFigures,
    spec::{Breaker, Policy, Protocol},
};
use ports::traffic::Traffic;
use tokio::{
    io::{AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use wire::http1::Framing;

use crate::rig::*;

const LARGE: usize = 64 << 20;
const PIECE: usize = 64 << 10;

/// The most memory that this process has used, in KiB.
pub(crate) fn peak_kib() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_ascii_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Reads a body of so many bytes and throws it away.
async fn discard(conn: &mut Conn, length: usize) {
    let mut left = length;
    while left > 0 {
        left -= conn.exactly(left.min(PIECE)).await.len();
    }
}

async fn pour(conn: &mut Conn, length: usize) {
    let piece = vec![b'x'; PIECE];
    for _ in 0..length / PIECE {
        assert!(conn.send_bytes(&piece).await);
    }
}

#[tokio::test]
async fn large_bodies_take_little_memory() {
    let rig = Rig::new().await;
    rig.serves(|mut conn| async move {
        while conn.request_head().await.is_some_and(|(_, framing)| framing == Framing::Length(LARGE as u64)) {
            discard(&mut conn, LARGE).await;
            conn.send(&format!("HTTP/1.1 200 OK\r\ncontent-length: {LARGE}\r\n\r\n")).await;
            pour(&mut conn, LARGE).await;
        }
    })
    .await;
    let before = peak_kib();
    let mut client = rig.client().await;
    client.send(&format!("PUT / HTTP/1.1\r\nhost: a\r\ncontent-length: {LARGE}\r\n\r\n")).await;
    pour(&mut client, LARGE).await;
    assert_eq!(client.response_head("PUT").await.2, Framing::Length(LARGE as u64));
    discard(&mut client, LARGE).await;
    let grown = peak_kib() - before;
    assert!(grown < 24 << 10, "{grown} KiB for {LARGE} bytes each way");
}

#[tokio::test]
async fn chunks_go_both_ways_while_the_request_still_comes() {
    let rig = Rig::new().await;
    rig.serves(|mut conn| async move {
        conn.request_head().await;
        conn.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await;
        loop {
            let chunk = conn.exactly(6).await;
            conn.send_bytes(&chunk).await;
            if chunk.starts_with(b"0") || chunk.starts_with(b"1\r\n.") {
                conn.send("0\r\n\r\n").await;
                return;
            }
        }
    })
    .await;
    let mut client = rig.client().await;
    client.send("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n").await;
    client.response_head("POST").await;
    for chunk in ["1\r\na\r\n", "1\r\nb\r\n", "1\r\n.\r\n"] {
        client.send(chunk).await;
        assert_eq!(client.exactly(6).await, chunk.as_bytes(), "each chunk comes back before the next is sent");
    }
    assert_eq!(client.exactly(5).await, b"0\r\n\r\n");
    assert!(client.ends().await, "the rest of the request is not waited for");
}

#[tokio::test]
async fn an_early_answer_reaches_a_client_that_still_sends() {
    let rig = Rig::new().await;
    rig.serves(|mut conn| async move {
        conn.request_head().await;
        conn.send("HTTP/1.1 413 Too Much\r\ncontent-length: 4\r\nconnection: close\r\n\r\nstop").await;
    })
    .await;
    for _ in 0..10 {
        let mut client = rig.client().await;
        client.send(&format!("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: {LARGE}\r\n\r\n")).await;
        // More than the sockets hold, so that somebody must read it.
        let mut sent = 0;
        while sent < 16 << 20 && client.send_bytes(&[b'x'; PIECE]).await {
            sent += PIECE;
        }
        let (status, _, body) = client.response().await;
        assert_eq!((status, body), (413, b"stop".to_vec()));
    }
}

#[tokio::test]
async fn a_caller_that_vanishes_ends_the_work_for_it() {
    for request in ["GET / HTTP/1.1\r\nhost: a\r\n\r\n", "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nabc"] {
        let rig = Rig::new().await;
        let (told, mut ended) = tokio::sync::mpsc::channel(1);
        rig.serves(move |mut conn| {
            let told = told.clone();
            async move {
                let (_, framing) = conn.request_head().await.unwrap();
                assert!(conn.body(framing).await.is_none_or(|body| body.is_empty()));
                assert!(conn.ends().await);
                told.send(()).await.unwrap();
            }
        })
        .await;
        let mut client = rig.client().await;
        client.send(request).await;
        rig.until_in_flight(&id("users", 1), 1).await;
        drop(client);
        timeout(PATIENCE, ended.recv()).await.unwrap().unwrap();
        rig.until_in_flight(&id("users", 1), 0).await;
    }
}

/// Longer than a piece takes to go on, unless nobody reads.
pub(crate) const STUCK: Duration = Duration::from_millis(500);

/// Writes until nothing more goes.
pub(crate) async fn fill(stream: &mut (impl AsyncWrite + Unpin)) {
    let piece = vec![b'x'; PIECE];
    while let Ok(written) = timeout(STUCK, stream.write(&piece)).await {
        written.unwrap();
    }
}

/// A service whose instance reads nothing of a body. Nothing but the client's leaving ends a request.
pub(crate) async fn deaf(protocol: Protocol, tls: Option<TlsConfig>) -> Rig {
    let patient = |policy: &mut Policy| {
        (policy.protocol, policy.timeout, policy.idle_timeout) = (protocol, 4 * PATIENCE, 4 * PATIENCE);
    };
    let rig = Rig::secure(tls, patient).await;
    rig.serves(move |mut conn| async move {
        if protocol == Protocol::Http {
            conn.request_head().await;
            return std::future::pending().await;
        }
        let mut connection = h2::server::handshake(conn.into_stream()).await.unwrap();
        let mut streams = Vec::new();
        while let Some(Ok(stream)) = connection.accept().await {
            streams.push(stream);
        }
    })
    .await;
    rig
}

/// The one request ends as one that the client gave up.
pub(crate) async fn is_cancelled(rig: &Rig) {
    rig.until_in_flight(&id("users", 1), 0).await;
    let ended = async {
        loop {
            let connections = rig.mesh.connections();
            let has_ended = |it: &ConnectionFigures| it.outcomes.cancelled > 0 || !it.reasons.is_empty();
            match connections.into_iter().find(has_ended) {
                Some(figures) => return figures,
                None => tokio::task::yield_now().await,
            }
        }
    };
    let figures = timeout(PATIENCE, ended).await.unwrap();
    assert_eq!((figures.outcomes.cancelled, figures.reasons.len()), (1, 0), "it is no fault of the instance");
}

#[tokio::test]
async fn a_client_that_leaves_while_the_instance_reads_nothing() {
    for protocol in [Protocol::Http, Protocol::Http2] {
        let rig = deaf(protocol, None).await;
        let mut client = TcpStream::connect(rig.gateway).await.unwrap();
        let head = format!("PUT / HTTP/1.1\r\nhost: a\r\ncontent-length: {LARGE}\r\n\r\n");
        client.write_all(head.as_bytes()).await.unwrap();
        fill(&mut client).await;
        rig.until_in_flight(&id("users", 1), 1).await;
        reset(client);
        is_cancelled(&rig).await;
    }
}

/// More than the instance lets come, and less than the host takes for us: so the client's end comes too.
pub(crate) const TOO_MUCH: usize = 96 << 10;

#[tokio::test]
async fn a_client_that_closes_its_side_while_the_instance_takes_nothing_more() {
    let rig = deaf(Protocol::Http2, None).await;
    let mut client = TcpStream::connect(rig.gateway).await.unwrap();
    client.write_all(b"PUT / HTTP/1.1\r\nhost: a\r\ncontent-length: 99999999\r\n\r\n").await.unwrap();
    client.write_all(&[b'x'; TOO_MUCH]).await.unwrap();
    rig.until_in_flight(&id("users", 1), 1).await;
    client.shutdown().await.unwrap();
    is_cancelled(&rig).await;
}

#[tokio::test]
async fn a_stream_that_is_given_up_while_the_instance_reads_nothing() {
    for protocol in [Protocol::Http, Protocol::Http2] {
        let rig = deaf(protocol, None).await;
        let stream = TcpStream::connect(rig.gateway).await.unwrap();
        let (mut sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
        rig.spawn(async move {
            let _ = connection.await;
        });
        let (mut pieces, body) = Channel::<Bytes, Infallible>::new(1);
        let answer = sender.send_request(Request::put("http://shop.test/").body(body).unwrap());
        let piece = Bytes::from(vec![b'x'; PIECE]);
        while let Ok(sent) = timeout(STUCK, pieces.send_data(piece.clone())).await {
            sent.unwrap();
        }
        rig.until_in_flight(&id("users", 1), 1).await;
        drop(answer);
        is_cancelled(&rig).await;
    }
}

#[tokio::test]
async fn an_upload_that_moves_does_not_time_out() {
    let rig = Rig::with(|policy| policy.timeout = Duration::from_millis(300)).await;
    rig.serves(echo).await;
    let mut client = rig.client().await;
    client.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 6\r\n\r\n").await;
    let mut tick = tokio::time::interval(Duration::from_millis(100));
    for letter in ["a", "b", "c", "d", "e", "f"] {
        tick.tick().await;
        client.send(letter).await;
    }
    assert_eq!(client.response().await.2, b"POST / HTTP/1.1|abcdef");
}

#[tokio::test]
async fn an_upload_that_moves_ends_when_its_caller_gives_up() {
    let rig = Rig::with(|policy| policy.timeout = Duration::from_secs(1)).await;
    rig.serves(echo).await;
    let mut caller = rig.caller().await;
    caller.send("POST / HTTP/1.1\r\nhost: a\r\ngrpc-timeout: 2S\r\ncontent-length: 40\r\n\r\n").await;
    let mut tick = tokio::time::interval(Duration::from_millis(100));
    for _ in 0..39 {
        tick.tick().await;
        caller.send("x").await;
    }
    let problem = caller.problem("x").await;
    assert_eq!((problem.reason.as_str(), problem.status), (Reason::DeadlineExceeded.code(), 504));
}

#[tokio::test]
async fn a_caller_that_gives_up_while_it_has_to_send_opens_no_breaker() {
    let breaker = Breaker { consecutive: 1, ..Breaker::default() };
    let rig = Rig::with(|policy| (policy.timeout, policy.breaker) = (Duration::from_secs(1), Some(breaker))).await;
    rig.serves(echo).await;
    let request = "POST / HTTP/1.1\r\nhost: a\r\ngrpc-timeout: 2S\r\ncontent-length: 9\r\n\r\nabc";
    let problem = rig.caller().await.problem(request).await;
    assert_eq!(problem.reason, Reason::DeadlineExceeded.code());
    let counted = || rig.mesh.connections().iter().any(|figures| figures.outcomes.failed == 1);
    while !counted() {
        tokio::task::yield_now().await;
    }
    assert_eq!(rig.caller().await.get("/").await.0, 200);
}
