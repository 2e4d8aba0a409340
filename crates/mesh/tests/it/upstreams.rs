//! How many connections there are to one instance.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering::SeqCst},
};

use model::{
    Reason,
    spec::{Policy, Protocol},
};
use ports::traffic::{Target, Traffic};
use tokio::{net::TcpStream, sync::Semaphore, time::timeout};

use crate::rig::*;

const GET: &str = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";

/// Answers when it is let; counts connections.
async fn slow(rig: &Rig) -> (Target, Arc<Semaphore>, Arc<AtomicU32>) {
    let (gate, connections) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicU32::new(0)));
    let (answer, counted) = (gated(&gate), connections.clone());
    let script = move |conn| {
        counted.fetch_add(1, SeqCst);
        answer(conn)
    };
    (rig.server(script).await, gate, connections)
}

#[tokio::test]
async fn connections_to_one_instance() {
    let rig = Rig::with(|policy| policy.limits.upstream_connections = 2).await;
    let (target, gate, connections) = slow(&rig).await;
    rig.apply(&[("users", true, &[(1, target)])]).await;
    let (mut first, mut second) = (rig.client().await, rig.client().await);
    first.send(GET).await;
    second.send(GET).await;
    while connections.load(SeqCst) < 2 {
        tokio::task::yield_now().await;
    }
    let late = "GET / HTTP/1.1\r\nhost: a\r\ngrpc-timeout: 50m\r\n\r\n";
    for _ in 0..6 {
        let problem = rig.client().await.problem(late).await;
        assert_eq!((problem.reason.as_str(), problem.status), (Reason::DeadlineExceeded.code(), 504));
        assert!(problem.detail.contains("2 connections to users/1#1"), "{}", problem.detail);
        assert!(problem.detail.ends_with("waited 50ms"), "{}", problem.detail);
    }
    let mut third = rig.client().await;
    third.send(GET).await;
    until_queued(&rig, 1).await;
    assert_eq!(connections.load(SeqCst), 2, "it waits");
    gate.add_permits(3);
    for client in [&mut first, &mut second, &mut third] {
        assert_eq!(client.response().await.0, 200);
    }
    until_queued(&rig, 0).await;
    let figures = &rig.mesh.connections()[0];
    assert_eq!((figures.retries, figures.ejected.len()), (0, 0), "it is no fault of the instance");
}

async fn until_queued(rig: &Rig, count: u32) {
    let reached = async {
        while rig.mesh.connections()[0].queued != count {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, reached).await.unwrap();
}

/// Answers every stream with 200.
async fn http2(conn: Conn) {
    let Ok(mut connection) = h2::server::handshake(conn.into_stream()).await else { return };
    while let Some(Ok((_, mut respond))) = connection.accept().await {
        let _ = respond.send_response(http::Response::new(()), true);
    }
}

#[tokio::test]
async fn a_connection_that_another_worker_keeps_idle_makes_room() {
    for protocol in [Protocol::Http, Protocol::Http2] {
        let rig = Rig::with(|policy| {
            policy.protocol = protocol;
            policy.limits.upstream_connections = 1;
        })
        .await;
        let target = match protocol {
            Protocol::Http2 => rig.server(http2).await,
            _ => rig.server(echo).await,
        };
        rig.apply(&[("users", true, &[(1, target)])]).await;
        let mut clients = Vec::new();
        for _ in 0..8 {
            clients.push(rig.client().await);
        }
        for _ in 0..3 {
            for client in &mut clients {
                assert_eq!(client.get("/").await.0, 200, "{protocol:?}");
            }
        }
        assert_eq!(rig.mesh.connections()[0].requests_by_worker.iter().filter(|requests| **requests > 0).count(), 2);
    }
}

/// Nothing but their leaving ends a wait.
fn patient(policy: &mut Policy) {
    for patience in [&mut policy.connect_timeout, &mut policy.timeout, &mut policy.limits.upstream_idle] {
        *patience = 4 * PATIENCE;
    }
}

/// The instance never says how many streams it takes, so the second request waits for a place.
#[tokio::test]
async fn clients_that_leave_give_up_their_wait_for_a_stream() {
    let rig = Rig::with(|policy| {
        patient(policy);
        policy.protocol = Protocol::Http2;
    })
    .await;
    let silent = |conn: Conn| async move {
        let _held = conn;
        std::future::pending::<()>().await;
    };
    let target = rig.server(silent).await;
    rig.apply(&[("users", true, &[(1, target)])]).await;
    for body in ["\r\n", "content-length: 3\r\n\r\nab"] {
        let mut clients = Vec::new();
        for _ in 0..6 {
            let mut client = rig.client().await;
            client.send(&format!("POST / HTTP/1.1\r\nhost: a\r\n{body}")).await;
            clients.push(client);
        }
        rig.until_in_flight(&id("users", 1), 6).await;
        drop(clients);
        rig.until_in_flight(&id("users", 1), 0).await;
    }
}

#[tokio::test]
async fn clients_that_leave_give_up_their_wait_for_a_connection() {
    for protocol in [Protocol::Http, Protocol::Http2] {
        let rig = Rig::with(|policy| {
            patient(policy);
            policy.protocol = protocol;
        })
        .await;
        let full = Full::new().await;
        rig.apply(&[("users", true, &[(1, full.target())])]).await;
        let mut client = rig.client().await;
        client.send(GET).await;
        let stream = TcpStream::connect(rig.gateway).await.unwrap();
        let (mut sender, connection) = h2::client::handshake(stream).await.unwrap();
        rig.spawn(async move { drop(connection.await) });
        let stream = sender.send_request(http::Request::get("http://a/").body(()).unwrap(), true).unwrap();
        rig.until_in_flight(&id("users", 1), 2).await;
        drop((client, stream));
        rig.until_in_flight(&id("users", 1), 0).await;
    }
}
