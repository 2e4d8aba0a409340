//! Where a message ends: what comes behind it, or before it begins, is never read as another one. Learnt from the advisories of other
//! proxies, as `lessons`.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
    time::Duration,
};

use model::{
    ByteSize, Reason,
    spec::{Policy, Rate},
};
use ports::traffic::Traffic;
use tokio::sync::mpsc;

use crate::rig::*;

const SMUGGLED: &str = "GET /admin HTTP/1.1\r\nhost: a\r\n\r\n";

#[tokio::test]
async fn cve_2026_2833_no_byte_goes_on_before_the_101() {
    let rig = Rig::new().await;
    let (told, mut asked) = mpsc::channel(1);
    let (lets, let_go) = mpsc::channel(1);
    let let_go = Arc::new(tokio::sync::Mutex::new(let_go));
    rig.serves(move |mut conn| {
        let (told, let_go) = (told.clone(), let_go.clone());
        async move {
            conn.request().await;
            told.send(()).await.unwrap();
            tokio::select! {
                _ = conn.more() => panic!("bytes came before the 101"),
                _ = async { let_go.lock().await.recv().await } => {}
            }
            conn.send("HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n").await;
            assert_eq!(conn.exactly(SMUGGLED.len()).await, SMUGGLED.as_bytes());
            conn.send("done").await;
        }
    })
    .await;
    let (mut client, mut other) = (rig.client().await, rig.client().await);
    client.send(&format!("GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n{SMUGGLED}")).await;
    asked.recv().await.unwrap();
    // Whatever was there to read has been read once another request has passed through each worker.
    for _ in 0..20 {
        other.problem("GET /none HTTP/1.1\r\nhost: a b\r\n\r\n").await;
        other = rig.client().await;
    }
    lets.send(()).await.unwrap();
    assert_eq!(client.response_head("GET").await.0, 101);
    assert_eq!(client.exactly(4).await, b"done");
}

/// We answer before the body is there, or without reading it: what follows the head is never read as a request.
#[tokio::test]
async fn cve_2025_4366_an_answer_before_the_body_ends_the_connection() {
    let rate = |policy: &mut Policy| {
        policy.rate = Some(Rate { requests: 1, per: Duration::from_secs(3600), burst: 1 });
        policy.limits.body = Some(ByteSize(1000));
    };
    let rig = Rig::with(rate).await;
    rig.serves(echo).await;
    assert_eq!(rig.client().await.get("/").await.0, 200);
    let mut gone = rig.routing(&[("users", true, &[])]);
    gone.gateway = None;
    let length = SMUGGLED.len();
    for (fields, reason) in [
        (format!("content-length: {length}"), Reason::RateLimited),
        (format!("content-length: {length}\r\nexpect: 100-continue"), Reason::RateLimited),
        ("transfer-encoding: chunked".into(), Reason::RateLimited),
        (format!("content-length: {length}\r\ncontent-type: application/grpc"), Reason::Http2Required),
        ("content-length: 1001".into(), Reason::BodyTooLarge),
        ("content-length: 1001\r\nexpect: 100-continue".into(), Reason::BodyTooLarge),
        (format!("content-length: {length}"), Reason::NoRoute),
    ] {
        if reason == Reason::NoRoute {
            rig.mesh.apply(gone.clone()).await;
        }
        let mut client = rig.client().await;
        client.send(&format!("POST / HTTP/1.1\r\nhost: a\r\n{fields}\r\n\r\n{SMUGGLED}")).await;
        let (status, head, _) = client.response().await;
        assert_eq!(status, reason.status(), "the first answer is the last one, and no 100: {fields}: {head}");
        assert!(head.contains(&format!("x-isles-reason: {reason}\r\n")) && head.contains("connection: close\r\n"));
        assert!(client.ends().await, "{fields}");
    }
}

#[tokio::test]
async fn an_instance_that_answers_before_the_body_is_not_used_again() {
    let rig = Rig::new().await;
    let connections = Arc::new(AtomicU32::new(0));
    let counted = connections.clone();
    rig.serves(move |mut conn: Conn| {
        counted.fetch_add(1, SeqCst);
        async move {
            conn.request_head().await;
            conn.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
            let rest = conn.rest().await;
            assert!("abc".starts_with(&rest), "no other request comes here: {rest}");
        }
    })
    .await;
    for number in 1..=3 {
        let mut client = rig.client().await;
        client.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nabc").await;
        assert_eq!(client.response().await.2, b"ok");
        assert_eq!(connections.load(SeqCst), number);
    }
}

/// Whatever comes behind an answer that is malformed, or broke off, is never read as the answer to another request.
#[tokio::test]
async fn an_instance_whose_framing_is_in_doubt_is_not_used_again() {
    for bad in [
        "content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n",
        "content-length: 2\r\ncontent-length: 2\r\n\r\nok",
        "transfer-encoding: chunked\r\n\r\n2\r\nokX",
        "content-length: 2\r\n\r\nokHTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nforged",
    ] {
        let rig = Rig::new().await;
        let (told, mut ended) = mpsc::channel(1);
        rig.serves(move |mut conn: Conn| {
            let told = told.clone();
            async move {
                conn.request().await;
                conn.send(&format!("HTTP/1.1 200 OK\r\n{bad}")).await;
                told.send(conn.ends().await).await.unwrap();
            }
        })
        .await;
        for _ in 0..2 {
            let mut client = rig.client().await;
            client.send("GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await;
            assert!(!client.rest().await.contains("forged"), "{bad:?}");
            assert!(tokio::time::timeout(PATIENCE, ended.recv()).await.unwrap().unwrap(), "{bad:?}");
        }
    }
}

/// Neither side reads any more, and then both are gone: what waited for room must end.
#[tokio::test]
async fn cve_2025_62409_both_sides_vanish_in_the_middle_of_bodies() {
    let rig = Rig::new().await;
    rig.serves(|mut conn| async move {
        conn.request_head().await;
        conn.send("HTTP/1.1 200 OK\r\ncontent-length: 99999999\r\n\r\n").await;
        let pour = async { while conn.send_bytes(&[b'x'; 65536]).await {} };
        let _ = tokio::time::timeout(Duration::from_millis(100), pour).await;
    })
    .await;
    for _ in 0..4 {
        let mut client = rig.client().await;
        client.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 99999999\r\n\r\n").await;
        assert_eq!(client.response_head("POST").await.0, 200);
        let pour = async { while client.send_bytes(&[b'x'; 65536]).await {} };
        let _ = tokio::time::timeout(Duration::from_millis(100), pour).await;
    }
    rig.until_in_flight(&id("users", 1), 0).await;
    let good = rig.server(echo).await;
    rig.apply(&[("users", true, &[(2, good)])]).await;
    assert_eq!(rig.client().await.get("/").await.0, 200);
}
