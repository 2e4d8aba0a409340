//! What is counted of each connection.

use model::{Reason, figures::Outcomes};
use ports::traffic::Traffic;

use crate::rig::*;

#[tokio::test]
async fn every_request_is_counted_once() {
    let rig = Rig::new().await;
    rig.serves(echo).await;
    let (mut client, mut caller) = (rig.client().await, rig.caller().await);
    for _ in 0..3 {
        assert_eq!(client.get("/").await.0, 200);
    }
    assert_eq!(caller.get("/").await.0, 200);
    rig.apply(&[("users", true, &[])]).await;
    caller.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert_eq!(caller.response().await.0, 503);

    // A request is counted once its answer is out.
    while rig.mesh.connections().iter().map(|figures| figures.requests).sum::<u64>() < 5 {
        tokio::task::yield_now().await;
    }
    let all = rig.mesh.connections();
    let names: Vec<_> = all.iter().map(|figures| &*figures.connection).collect();
    assert_eq!(names, ["gateway -> users", "orders -> users"]);
    let (gateway, orders) = (&all[0], &all[1]);
    assert_eq!(gateway.outcomes, Outcomes { success: 3, ..Outcomes::default() });
    assert_eq!(orders.outcomes, Outcomes { success: 1, failed: 1, ..Outcomes::default() });
    assert_eq!(orders.reasons, [(Reason::NoUpstream, 1)].into());
    assert_eq!((gateway.requests, gateway.latency.count, orders.requests), (3, 3, 2));
    assert_eq!(gateway.requests_by_worker.iter().sum::<u64>(), 3);
    assert_eq!((gateway.in_flight, gateway.queued), (0, 0));
    assert_eq!(gateway.bytes_received, 3 * "GET / HTTP/1.1\r\nhost: a\r\n\r\n".len() as u64);
    assert!(gateway.bytes_sent > 3 * 20 && gateway.latency.p50_micros > 0);
}

/// Of a tunnel that is open, and of an upload whose client has left.
#[tokio::test]
async fn bytes_are_counted_as_they_pass() {
    const MANY: usize = 200_000;
    let rig = Rig::new().await;
    let target = rig.server(|mut conn| async move {
        let (head, _) = conn.request_head().await.unwrap();
        if head.starts_with("GET") {
            conn.send("HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n").await;
        }
        while conn.more().await {}
    });
    rig.apply(&[("users", true, &[(1, target.await)])]).await;
    let mut tunnel = rig.client().await;
    tunnel.send("GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n").await;
    assert_eq!(tunnel.response_head("GET").await.0, 101);
    assert!(tunnel.send_bytes(&[0; MANY]).await);
    // What is left of it is told later.
    let of_tunnel = until_received(&rig, MANY as u64 - 65_536).await;

    let mut upload = rig.client().await;
    upload.send(&format!("PUT / HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n", 2 * MANY)).await;
    assert!(upload.send_bytes(&[0; MANY]).await);
    until_received(&rig, of_tunnel + MANY as u64 - 65_536).await;
    drop(upload);
    until_received(&rig, of_tunnel + MANY as u64).await;
    assert_eq!(rig.mesh.connections()[0].outcomes.cancelled, 1);
}

/// Waits until so many bytes have been counted; says how many.
async fn until_received(rig: &Rig, least: u64) -> u64 {
    let reached = async {
        loop {
            let received = rig.mesh.connections()[0].bytes_received;
            if received >= least {
                return received;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, reached).await.expect("bytes are counted")
}

#[tokio::test]
async fn open_connections_of_clients_are_counted_until_they_end() {
    let rig = Rig::new().await;
    rig.serves(echo).await;
    let (mut client, mut caller) = (rig.client().await, rig.caller().await);
    for conn in [&mut client, &mut caller] {
        assert_eq!(conn.get("/").await.0, 200);
    }
    assert_eq!(rig.mesh.clients(), 2);
    drop(client);
    until_clients(&rig, 1).await;
    drop(caller);
    until_clients(&rig, 0).await;
}

async fn until_clients(rig: &Rig, count: u32) {
    let reached = async {
        while rig.mesh.clients() != count {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, reached).await.expect("connections end");
}
