//! What stays open takes no room from requests.

use model::spec::Protocol;
use ports::traffic::Traffic;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::rig::*;

/// More than the adaptive limit is at first (`logic::gradient`).
const OPEN: usize = 220;

/// Each takes four descriptors here.
pub(crate) fn allow_descriptors() {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).expect("a process may raise it so far");
}

#[tokio::test]
async fn open_upgrades_leave_a_service_its_requests() {
    allow_descriptors();
    let rig = Rig::new().await;
    rig.serves(|mut conn| async move {
        while let Some((head, _)) = conn.request().await {
            let answer = match head.contains("upgrade: chat") {
                true => "101 Switching Protocols\r\nupgrade: chat\r\nconnection: upgrade",
                false => "200 OK\r\ncontent-length: 0",
            };
            conn.send(&format!("HTTP/1.1 {answer}\r\n\r\n")).await;
        }
    })
    .await;
    let mut open = Vec::new();
    for _ in 0..OPEN {
        let mut client = rig.client().await;
        client.send("GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: chat\r\n\r\n").await;
        assert_eq!(client.response_head("GET").await.0, 101, "after {}", open.len());
        open.push(client);
    }
    assert_eq!(rig.client().await.get("/").await.0, 200);
    rig.until_in_flight(&id("users", 1), OPEN.try_into().unwrap()).await;
    let figures = &rig.mesh.connections()[0];
    assert_eq!((figures.in_flight as usize, figures.concurrency), (OPEN, 0), "nobody waits for an answer");
}

#[tokio::test]
async fn open_connections_of_plain_tcp_leave_room_for_others() {
    allow_descriptors();
    let rig = Rig::with(|policy| policy.protocol = Protocol::Tcp).await;
    rig.serves(echo).await;
    let mut open = Vec::new();
    for _ in 0..OPEN {
        let mut caller = rig.caller().await;
        assert_eq!(caller.get("/").await.0, 200, "after {}", open.len());
        open.push(caller);
    }
}
