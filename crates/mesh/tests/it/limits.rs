//! Every limit on messages and connections, each set to something small and provoked: its key, what it answers, and that what is
//! within goes on. Those of HTTP/2 are in `hostile`.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
    time::Duration,
};

use model::{
    ByteSize, Reason,
    spec::{ConnectionLimits, MessageLimits, Policy},
};
use ports::traffic::{GatewayRouting, Target, Traffic};
use tokio::sync::{Semaphore, mpsc};

use crate::rig::*;

const GET: &str = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";

fn limited(change: impl FnOnce(&mut MessageLimits)) -> impl FnOnce(&mut Policy) {
    |policy| change(&mut policy.limits)
}

async fn rig(policy: impl FnOnce(&mut Policy)) -> Rig {
    let rig = Rig::with(policy).await;
    let target = rig.server(echo).await;
    rig.apply(&[("users", true, &[(1, target)])]).await;
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

#[tokio::test]
async fn heads_of_responses() {
    let rig = Rig::with(limited(|limits| limits.response_head = ByteSize(1024))).await;
    let target = rig
        .server(|mut conn| async move {
            while let Some((head, _)) = conn.request().await {
                let length = head.split([' ', '/']).nth(2).unwrap().parse().unwrap();
                conn.send(&format!("HTTP/1.1 200 OK\r\na: {}\r\ncontent-length: 0\r\n\r\n", "x".repeat(length))).await;
            }
        })
        .await;
    rig.apply(&[("users", true, &[(1, target)])]).await;
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

#[tokio::test]
async fn a_body_that_stops() {
    let rig = rig(|policy| policy.idle_timeout = Duration::from_millis(100)).await;
    let mut client = rig.client().await;
    let problem = client.problem("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nabc").await;
    assert_eq!((problem.reason.as_str(), problem.status), (Reason::BodyTooSlow.code(), 408));
    assert!(client.ends().await);
}

/// Sends a byte ten times a second; the status, and whether it was the pace.
async fn trickle(progress: ByteSize) -> (u16, bool) {
    let rig = rig(limited(|limits| limits.progress = progress)).await;
    let mut client = rig.client().await;
    client.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 60\r\n\r\n").await;
    let mut tick = tokio::time::interval(Duration::from_millis(100));
    for _ in 0..60 {
        tick.tick().await;
        client.send("x").await;
    }
    let (status, head, _) = client.response().await;
    (status, head.contains("x-isles-reason: body-too-slow"))
}

#[tokio::test]
async fn a_body_that_moves_but_makes_no_progress() {
    let (limited, any) = tokio::join!(trickle(ByteSize(1024)), trickle(ByteSize(0)));
    assert_eq!((limited, any), ((408, true), (200, false)));
}

#[tokio::test]
async fn an_answer_that_stops() {
    let rig = Rig::with(|policy| policy.idle_timeout = Duration::from_millis(100)).await;
    let target = rig
        .server(|mut conn| async move {
            conn.request().await;
            conn.send("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc").await;
            conn.ends().await;
        })
        .await;
    rig.apply(&[("users", true, &[(1, target)])]).await;
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
    let target = rig.server(|mut conn: Conn| async move { while conn.request().await.is_some() {} }).await;
    rig.apply(&[("users", true, &[(1, target)])]).await;
    for field in ["x-isles-timeout-ms: 50", "grpc-timeout: 50m", "X-Isles-Timeout-Ms: 9000\r\ngrpc-timeout: 50m"] {
        let problem = rig.caller().await.problem(&format!("GET / HTTP/1.1\r\nhost: a\r\n{field}\r\n\r\n")).await;
        assert_eq!((problem.reason.as_str(), problem.status), (Reason::DeadlineExceeded.code(), 504), "{field}");
    }
}

#[tokio::test]
async fn connections_to_an_instance_that_nobody_uses() {
    let rig = Rig::with(limited(|limits| limits.upstream_idle = Duration::from_millis(50))).await;
    let (told, mut ended) = mpsc::channel(1);
    let target = rig
        .server(move |mut conn| {
            let told = told.clone();
            async move {
                conn.request().await;
                conn.send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
                told.send(conn.ends().await).await.unwrap();
            }
        })
        .await;
    rig.apply(&[("users", true, &[(1, target)])]).await;
    let mut client = rig.client().await;
    for _ in 0..2 {
        assert_eq!(client.get("/").await.0, 200);
        assert!(tokio::time::timeout(PATIENCE, ended.recv()).await.unwrap().unwrap(), "we close it ourselves");
    }
}

/// Answers when it is let; counts connections.
async fn slow(rig: &Rig) -> (Target, Arc<Semaphore>, Arc<AtomicU32>) {
    let (gate, connections) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicU32::new(0)));
    let (opens, counted) = (gate.clone(), connections.clone());
    let script = move |mut conn: Conn| {
        let gate = opens.clone();
        counted.fetch_add(1, SeqCst);
        async move {
            while conn.request().await.is_some() {
                gate.acquire().await.unwrap().forget();
                conn.send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
            }
        }
    };
    (rig.server(script).await, gate, connections)
}

#[tokio::test]
async fn connections_to_one_instance() {
    let rig = Rig::with(limited(|limits| limits.upstream_connections = 2)).await;
    let (target, gate, connections) = slow(&rig).await;
    rig.apply(&[("users", true, &[(1, target)])]).await;
    let (mut first, mut second) = (rig.client().await, rig.client().await);
    first.send(GET).await;
    second.send(GET).await;
    while connections.load(SeqCst) < 2 {
        tokio::task::yield_now().await;
    }
    let problem = rig.client().await.problem(GET).await;
    assert_eq!((problem.reason.as_str(), problem.status), (Reason::Overloaded.code(), 503));
    assert!(problem.detail.contains("2 connections to users/1#1"), "{}", problem.detail);
    gate.add_permits(2);
    assert_eq!((first.response().await.0, second.response().await.0), (200, 200));
    assert_eq!(connections.load(SeqCst), 2);
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
