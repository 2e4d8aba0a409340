//! Leaving the listening sockets to another process.

use std::sync::Arc;

use tokio::{net::TcpStream, sync::Semaphore};

use crate::rig::*;

fn is_last(answer: &str, body: &str) {
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("\r\nconnection: close\r\n"), "{answer}");
    assert!(answer.ends_with(&format!("\r\n\r\n{body}")), "{answer}");
}

#[tokio::test]
async fn who_was_accepted_is_served_once_more_and_nobody_else_is_accepted() {
    let rig = Rig::new().await;
    let gate = Arc::new(Semaphore::new(0));
    let opened = gate.clone();
    let slow = move |mut conn: Conn| {
        let gate = opened.clone();
        async move {
            conn.request().await;
            gate.acquire().await.unwrap().forget();
            conn.send("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nslow").await;
        }
    };
    let (quick, slow) = (rig.server(named("quick")).await, rig.server(slow).await);
    rig.apply(&[("users", true, &[(1, slow)])]).await;
    let (mut in_flight, mut idle) = (rig.client().await, rig.client().await);
    in_flight.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    rig.until_in_flight(&id("users", 1), 1).await;
    rig.apply(&[("users", true, &[(2, quick)])]).await;
    assert_eq!(idle.get("/").await.1, "quick");
    rig.mesh.retire().await;
    assert!(TcpStream::connect(rig.gateway).await.is_err(), "the last reference to the listener is gone");
    idle.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    is_last(&idle.rest().await, "quick");
    let mut left_alone = std::pin::pin!(rig.mesh.left_alone(PATIENCE));
    tokio::select! {
        biased;
        () = &mut left_alone => panic!("a request is in flight"),
        () = tokio::task::yield_now() => {}
    }
    gate.add_permits(1);
    is_last(&in_flight.rest().await, "slow");
    left_alone.await;
}
