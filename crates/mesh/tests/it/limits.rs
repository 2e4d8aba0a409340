//! Every limit on messages and connections, each set to something small and provoked: its key, what it answers, and that what is
//! within goes on. Those of HTTP/2 are in `hostile`.

use std::{sync::Arc, time::Duration};

use model::{
    ByteSize, Reason,
    spec::{ConnectionLimits, MessageLimits, Policy, Protocol},
};
use ports::traffic::{GatewayRouting, Traffic};
use tokio::{net::TcpStream, sync::mpsc, time::timeout};

use crate::{
    frames::{Frames, Said},
    http2_client::{connect, request, send},
    rig::*,
};

const GET: &str = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";

fn limited(change: impl FnOnce(&mut MessageLimits)) -> impl FnOnce(&mut Policy) {
    |policy| change(&mut policy.limits)
}

async fn rig(policy: impl FnOnce(&mut Policy)) -> Rig {
    let rig = Rig::with(policy).await;
    rig.serves(echo).await;
    rig
}

fn get(target: usize, fields: usize, value: usize) -> String {
    let (path, value) = ("x".repeat(target - 1), "y".repeat(value));
    format!("GET /{path} HTTP/1.1\r\nhost: a\r\n{}\r\n", format!("a: {value}\r\n").repeat(fields - 1))
}

#[tokio::test]
async fn heads_of_requests() {
    let small = |limits: &mut MessageLimits| {
        (limits.head, limits.target, limits.fields) = (ByteSize(2048), ByteSize(64), 4);
    };
    let rig = rig(limited(small)).await;
    for (request, reason) in [
        (get(64, 4, 600), None),
        (get(65, 1, 1), Some(Reason::TargetTooLong)),
        (get(1, 5, 1), Some(Reason::HeadTooLarge)),
        (get(1, 4, 700), Some(Reason::HeadTooLarge)),
    ] {
        let mut caller = rig.caller().await;
        match reason {
            None => {
                caller.send(&request).await;
                assert_eq!(caller.response().await.0, 200);
            }
            Some(reason) => assert_eq!(caller.problem(&request).await.reason, reason.code()),
        }
    }
}

/// Of requests and of responses.
#[tokio::test]
async fn more_fields_than_by_default() {
    let rig = Rig::with(limited(|limits| limits.fields = 300)).await;
    rig.serves(|mut conn| async move {
        let head = conn.until("\r\n\r\n").await;
        let fields: usize = head.split([' ', '/']).nth(2).unwrap().parse().unwrap();
        let fields = "a: b\r\n".repeat(fields - 1);
        conn.send(&format!("HTTP/1.1 204 No\r\nconnection: close\r\n{fields}\r\n")).await;
    })
    .await;
    let asked = |fields: usize, answered: usize| {
        format!("GET /{answered} HTTP/1.1\r\nhost: a\r\n{}\r\n", "a: b\r\n".repeat(fields - 1))
    };
    let mut caller = rig.caller().await;
    caller.send(&asked(300, 300)).await;
    assert!(caller.until("\r\n\r\n").await.starts_with("HTTP/1.1 204 No\r\n"));
    assert_eq!(caller.problem(&asked(1, 301)).await.reason, Reason::ResponseTooLarge.code());
    assert_eq!(caller.problem(&asked(301, 1)).await.reason, Reason::HeadTooLarge.code());
}

/// A slash that is escaped is a part of its segment, for what routes and for the instance.
#[tokio::test]
async fn slashes_that_are_escaped() {
    const PATHS: [&str; 4] = ["/orders/a%2fb", "/a%2F%2e%2e", "/a%5cb", "/orders%2fa"];
    for (allowed, expected) in [(false, [400; 4]), (true, [204, 400, 400, 503])] {
        let rig = Rig::with(limited(|limits| limits.escaped_slashes = allowed)).await;
        let target = rig
            .server(|mut conn| async move {
                assert!(conn.until("\r\n\r\n").await.starts_with("GET /a%2Fb HTTP/1.1\r\n"));
                conn.send("HTTP/1.1 204 No\r\nconnection: close\r\n\r\n").await;
            })
            .await;
        rig.apply(&[("users", true, &[]), ("orders", true, &[(1, target)])]).await;
        for (path, status) in PATHS.into_iter().zip(expected) {
            assert_eq!(rig.client().await.get(path).await.0, status, "{path}, {allowed}");
            let mut sender = connect(&rig, rig.gateway).await;
            assert_eq!(send(&mut sender, request("GET", path, "")).await.0, status, "{path} over HTTP/2, {allowed}");
        }
    }
}

#[tokio::test]
async fn heads_of_responses() {
    let rig = Rig::with(limited(|limits| limits.response_head = ByteSize(1024))).await;
    rig.serves(|mut conn| async move {
        while let Some((head, _)) = conn.request().await {
            let length = head.split([' ', '/']).nth(2).unwrap().parse().unwrap();
            conn.send(&format!("HTTP/1.1 200 OK\r\na: {}\r\ncontent-length: 0\r\n\r\n", "x".repeat(length))).await;
        }
    })
    .await;
    let mut client = rig.client().await;
    assert_eq!(client.get("/900").await.0, 200);
    let problem = client.problem("GET /1100 HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert_eq!((problem.reason.as_str(), problem.status), (Reason::ResponseTooLarge.code(), 502));
}

#[tokio::test]
async fn bodies_that_are_announced_or_grow_too_large() {
    let rig = rig(limited(|limits| limits.body = Some(ByteSize(100)))).await;
    let chunk = |bytes: usize| format!("{bytes:x}\r\n{}\r\n", "x".repeat(bytes));
    let post = |fields: &str| format!("POST / HTTP/1.1\r\nhost: a\r\n{fields}\r\n\r\n");
    let announced = |bytes: usize| post(&format!("content-length: {bytes}"));
    let chunked = |chunks: &[usize]| {
        let chunks: String = chunks.iter().map(|bytes| chunk(*bytes)).collect();
        post("transfer-encoding: chunked") + &chunks
    };
    for within in [announced(100) + &"x".repeat(100), chunked(&[40, 40]) + "0\r\n\r\n"] {
        let mut client = rig.client().await;
        client.send(&within).await;
        assert_eq!(client.response().await.0, 200);
    }
    for beyond in [announced(101), chunked(&[101]), chunked(&[50, 51])] {
        let mut client = rig.client().await;
        let problem = client.problem(&beyond).await;
        assert_eq!((problem.reason.as_str(), problem.status), (Reason::BodyTooLarge.code(), 413), "{beyond}");
        assert!(client.ends().await, "the rest of the body is not read as a request");
    }
}

/// Though it came in one piece with its end.
#[tokio::test]
async fn no_instance_gets_the_whole_of_a_body_that_is_refused() {
    let rig = Rig::with(limited(|limits| limits.body = Some(ByteSize(100)))).await;
    let (whole, mut at_instance) = mpsc::channel(1);
    let target = rig.server(move |mut conn| {
        let whole = whole.clone();
        async move {
            let got = conn.request().await;
            conn.send("HTTP/1.1 204 No Content\r\n\r\n").await;
            whole.send(got.map(|(_, body)| body.len())).await.unwrap();
        }
    });
    rig.apply(&[("users", true, &[(1, target.await)])]).await;
    for (chunks, status, got) in [(vec![1; 100], 204, Some(100)), (vec![101], 413, None), (vec![50, 51], 413, None)] {
        let chunks: String =
            chunks.into_iter().map(|bytes| format!("{bytes:x}\r\n{}\r\n", "x".repeat(bytes))).collect();
        let mut client = rig.client().await;
        client
            .send(&format!("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n{chunks}0\r\n\r\n"))
            .await;
        assert_eq!((client.response().await.0, at_instance.recv().await.unwrap()), (status, got));
    }
}

#[tokio::test]
async fn a_body_that_stops() {
    let rig = rig(|policy| policy.idle_timeout = Duration::from_millis(100)).await;
    let mut client = rig.client().await;
    let problem = client.problem("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nabc").await;
    assert_eq!((problem.reason.as_str(), problem.status), (Reason::BodyTooSlow.code(), 408));
    assert!(client.ends().await);
}

/// The chunks that a body went on in, one for each time that some of it was read.
fn chunks(body: &str) -> Vec<usize> {
    let (mut rest, mut lengths) = (body, Vec::new());
    loop {
        let (length, data) = rest.split_once("\r\n").unwrap();
        let length = usize::from_str_radix(length, 16).unwrap();
        if length == 0 {
            return lengths;
        }
        lengths.push(length);
        rest = &data[length + 2..];
    }
}

#[tokio::test]
async fn what_is_held_of_a_body() {
    const BODY: usize = 4 << 20;
    for (buffer, least) in [(MessageLimits::BUFFER_MIN, 8 << 10), (ByteSize(256 << 10), 16 << 10)] {
        let rig = Rig::with(limited(|limits| (limits.buffer, limits.body) = (buffer, None))).await;
        let (received, mut at_instance) = mpsc::channel(1);
        let script = move |mut conn: Conn| {
            let received = received.clone();
            async move {
                let (_, framing) = conn.request_head().await.unwrap();
                assert_eq!(framing, wire::http1::Framing::Chunked);
                received.send(conn.until("\r\n0\r\n\r\n").await).await.unwrap();
                conn.send("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n").await;
                conn.send_bytes(&vec![b'x'; BODY]).await;
            }
        };
        rig.serves(script).await;
        let mut client = rig.client().await;
        client.send("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n").await;
        client.send(&format!("{BODY:x}\r\n{}\r\n0\r\n\r\n", "x".repeat(BODY))).await;
        let up = timeout(PATIENCE, at_instance.recv()).await.unwrap().unwrap();
        client.response_head("GET").await;
        let down = client.until("\r\n0\r\n\r\n").await;
        for (direction, body) in [("up", up), ("down", down)] {
            let chunks = chunks(&body);
            let (most, bound) = (*chunks.iter().max().unwrap(), usize::try_from(buffer.0).unwrap());
            assert_eq!(chunks.iter().sum::<usize>(), BODY);
            assert!(most <= bound && most > least, "{direction}: {most} of {bound}");
        }
    }
}

/// Sends a byte twenty times a second, for a second; the status, and whether it was the pace.
async fn trickle(progress: u64, grace: Duration) -> (u16, bool) {
    let rig = rig(limited(|limits| (limits.progress, limits.progress_grace) = (ByteSize(progress), grace))).await;
    let mut client = rig.client().await;
    client.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 20\r\n\r\n").await;
    let mut tick = tokio::time::interval(Duration::from_millis(50));
    for _ in 0..20 {
        tick.tick().await;
        client.send("x").await;
    }
    let (status, head, _) = client.response().await;
    (status, head.contains("x-isles-reason: body-too-slow"))
}

#[tokio::test]
async fn a_body_that_moves_but_makes_no_progress() {
    let (short, long) = (Duration::from_millis(300), Duration::from_secs(30));
    for (progress, grace, expected) in
        [(1024, short, (408, true)), (1024, long, (200, false)), (0, short, (200, false))]
    {
        assert_eq!(trickle(progress, grace).await, expected, "{progress} after {grace:?}");
    }
}

#[tokio::test]
async fn an_answer_that_stops() {
    let rig = Rig::with(|policy| policy.idle_timeout = Duration::from_millis(100)).await;
    rig.serves(|mut conn| async move {
        conn.request().await;
        conn.send("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc").await;
        conn.ends().await;
    })
    .await;
    let mut client = rig.client().await;
    client.send(GET).await;
    let (status, _, framing) = client.response_head("GET").await;
    assert_eq!((status, client.body(framing).await), (200, None), "it never looks whole");
    while rig.mesh.connections()[0].reasons != [(Reason::IdleTimeout, 1)].into() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_caller_that_waits_less_than_the_policy() {
    let rig = Rig::new().await;
    rig.serves(|mut conn: Conn| async move { while conn.request().await.is_some() {} }).await;
    for field in ["x-isles-timeout-ms: 50", "grpc-timeout: 50m", "X-Isles-Timeout-Ms: 9000\r\ngrpc-timeout: 50m"] {
        let problem = rig.caller().await.problem(&format!("GET / HTTP/1.1\r\nhost: a\r\n{field}\r\n\r\n")).await;
        assert_eq!((problem.reason.as_str(), problem.status), (Reason::DeadlineExceeded.code(), 504), "{field}");
    }
}

#[tokio::test]
async fn connections_to_an_instance_that_nobody_uses() {
    let rig = Rig::with(limited(|limits| limits.upstream_idle = Duration::from_millis(50))).await;
    let (told, mut ended) = mpsc::channel(1);
    rig.serves(move |mut conn| {
        let told = told.clone();
        async move {
            conn.request().await;
            conn.send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
            told.send(conn.ends().await).await.unwrap();
        }
    })
    .await;
    let mut client = rig.client().await;
    for _ in 0..2 {
        assert_eq!(client.get("/").await.0, 200);
        assert!(timeout(PATIENCE, ended.recv()).await.unwrap().unwrap(), "we close it ourselves");
    }
}

/// Those of HTTP/1.1 are in `refusals`.
#[tokio::test]
async fn connections_of_http2_that_nobody_uses() {
    let rig = rig(limited(|limits| limits.client_idle = Duration::from_millis(100))).await;
    let mut client = Frames::connect(&rig).await;
    assert_eq!((client.said(1).await, client.said(1).await), (Said::GoAway(0), Said::End));
}

#[tokio::test]
async fn connections_of_an_instance() {
    let rig = Rig::with(limited(|limits| limits.client_connections = 2)).await;
    rig.serves(echo).await;
    let (mut first, mut second) = (rig.caller().await, rig.caller().await);
    assert_eq!((first.get("/").await.0, second.get("/").await.0), (200, 200));
    for _ in 0..2 {
        let problem = rig.caller().await.problem("GET /third HTTP/1.1\r\nhost: a\r\n\r\n").await;
        assert_eq!((problem.reason.as_str(), problem.status), (Reason::TooManyConnections.code(), 503));
        assert_eq!(problem.connection.as_deref(), Some("orders/1 -> users"));
        assert_eq!(problem.detail, "2 from orders/1");
    }
    assert_eq!(rig.client().await.get("/").await.0, 200, "the gateway has bounds of its own");
    let failures = rig.mesh.failures(&"users".parse().unwrap());
    assert_eq!(failures.iter().map(|failure| &*failure.request).collect::<Vec<_>>()[..1], ["GET /third"]);
    let connections = rig.mesh.connections();
    let figures = connections.iter().find(|figures| figures.connection == "orders -> users").unwrap();
    assert_eq!((figures.requests, figures.reasons.get(&Reason::TooManyConnections)), (4, Some(&2)));
    assert_eq!(first.get("/").await.0, 200);
    drop(second);
    while rig.caller().await.try_get("/").await != Some(200) {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_connection_of_bytes_too_many_is_reset() {
    let rig = Rig::with(|policy| {
        (policy.protocol, policy.limits.client_connections) = (Protocol::Tcp, 1);
    })
    .await;
    rig.serves(echo).await;
    let mut first = rig.caller().await;
    assert_eq!(first.get("/").await.0, 200);
    if let Ok(second) = TcpStream::connect(rig.connections).await {
        assert!(Conn::new(second).ends().await);
    }
    let failures = rig.mesh.failures(&"users".parse().unwrap());
    let remembered = (failures[0].reason, &*failures[0].request, &*failures[0].detail);
    assert_eq!(remembered, (Some(Reason::TooManyConnections), "a connection", "1 from orders/1"));
    assert_eq!(first.get("/").await.0, 200);
}

#[tokio::test]
async fn connections_of_clients() {
    for (limits, detail) in [
        (ConnectionLimits { total: 2, per_peer: 9 }, "2 in all"),
        (ConnectionLimits { total: 9, per_peer: 2 }, "2 from 127.0.0.1"),
    ] {
        let rig = Rig::new().await;
        let target = rig.server(echo).await;
        let mut routing = rig.routing(&[("users", true, &[(1, target)])]);
        let gateway = GatewayRouting::clone(routing.gateway.as_ref().unwrap());
        routing.gateway = Some(Arc::new(GatewayRouting { connections: limits, ..gateway }));
        rig.mesh.apply(routing).await;
        let (mut first, mut second) = (rig.client().await, rig.client().await);
        assert_eq!((first.get("/").await.0, second.get("/").await.0), (200, 200));
        let problem = rig.client().await.problem("").await;
        assert_eq!((problem.reason.as_str(), problem.status), (Reason::TooManyConnections.code(), 503));
        assert!(problem.detail.contains(detail), "{}", problem.detail);
    }
}

/// Of the time that a whole buffer might take to come; the longest silence is far longer.
#[tokio::test]
async fn a_client_that_reads_nothing_of_an_answer() {
    let pace = |limits: &mut MessageLimits| {
        (limits.progress, limits.progress_grace) = (ByteSize(1 << 20), Duration::from_millis(100));
    };
    let rig = Rig::with(limited(pace)).await;
    // More than all sockets and windows on the way take.
    let target = rig.server(|mut conn| async move {
        conn.request().await;
        conn.send("HTTP/1.1 200 OK\r\ncontent-length: 67108864\r\n\r\n").await;
        while conn.send_bytes(&[0; 65_536]).await {}
    });
    rig.apply(&[("users", true, &[(1, target.await)])]).await;
    let mut client = rig.client().await;
    client.send(GET).await;
    let mut sender = connect(&rig, rig.gateway).await;
    let answer = timeout(PATIENCE, sender.send_request(request("GET", "/", ""))).await.unwrap().unwrap();
    rig.until_in_flight(&id("users", 1), 0).await;
    let cancelled = async {
        while rig.mesh.connections()[0].outcomes.cancelled < 2 {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, cancelled).await.unwrap();
    drop((client, answer));
}
