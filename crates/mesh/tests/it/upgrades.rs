//! Upgrades: bytes both ways, but only after a 101.

use std::{collections::BTreeMap, time::Duration};

use model::{Reason, figures::Outcomes, spec::Protocol};
use ports::traffic::{Drained, Target, Traffic};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};

use crate::{http2_client, rig::*};

/// Accepts the upgrade, greets, and sends back pieces of six bytes.
async fn parrot(mut conn: Conn) {
    let (head, _) = conn.request().await.unwrap();
    assert!(head.contains("connection: upgrade\r\nupgrade: websocket\r\n"), "{head}");
    conn.send(&format!("{SWITCH}hello!")).await;
    loop {
        let piece = conn.exactly(6).await;
        conn.send_bytes(&piece).await;
        if piece == b"final!" {
            return;
        }
    }
}

#[tokio::test]
async fn bytes_go_both_ways_after_a_101() {
    let rig = Rig::new().await;
    rig.serves(parrot).await;
    let mut client = rig.client().await;
    client.send(&format!("{UPGRADE}early!")).await;
    assert_eq!(
        client.response_head("GET").await.1,
        SWITCH.replace("connection: upgrade\r\n", "").replace("\r\n\r\n", "\r\nconnection: upgrade\r\n\r\n")
    );
    assert_eq!(client.exactly(12).await, b"hello!early!");
    assert_eq!(rig.mesh.in_flight(&id("users", 1)), 1, "a tunnel is in flight");
    client.send("final!").await;
    assert_eq!(client.exactly(6).await, b"final!");
    assert!(client.ends().await);
    drop(client);
    rig.until_in_flight(&id("users", 1), 0).await;
}

#[tokio::test]
async fn cve_2024_23326_without_a_101_it_is_an_ordinary_response() {
    let rig = Rig::new().await;
    rig.serves(|mut conn| async move {
        conn.request().await;
        conn.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nno").await;
        assert!(conn.ends().await, "nothing of the next request may arrive here");
    })
    .await;
    let mut client = rig.client().await;
    client.send(&format!("{UPGRADE}GET /admin HTTP/1.1\r\nhost: a\r\n\r\n")).await;
    let (status, _, body) = client.response().await;
    assert_eq!((status, body), (200, b"no".to_vec()));
    assert!(client.ends().await);
}

#[tokio::test]
async fn an_upgrade_that_we_refuse_ends_the_connection() {
    let rig = Rig::new().await;
    rig.apply(&[("users", true, &[])]).await;
    let mut client = rig.client().await;
    let problem = client.problem(&format!("{UPGRADE}GET /admin HTTP/1.1\r\nhost: a\r\n\r\n")).await;
    assert_eq!(problem.reason, "no-upstream");
    assert!(client.ends().await, "what follows may be meant for another protocol");
}

#[tokio::test]
async fn a_tunnel_may_be_silent_for_longer_than_a_message() {
    const SILENCE: Duration = Duration::from_millis(200);
    let rig = Rig::with(|policy| policy.idle_timeout = SILENCE).await;
    rig.serves(parrot).await;
    let mut client = rig.client().await;
    client.send(UPGRADE).await;
    client.response_head("GET").await;
    tokio::time::sleep(3 * SILENCE).await;
    client.send("final!").await;
    assert_eq!(client.exactly(12).await, b"hello!final!");
}

#[tokio::test]
async fn where_the_policy_takes_none_an_upgrade_is_refused() {
    let rig = Rig::with(|policy| policy.upgrades = false).await;
    rig.serves(echo).await;
    for (mut conn, connection) in [(rig.client().await, "gateway -> users"), (rig.caller().await, "orders/1 -> users")]
    {
        assert_eq!(conn.get("/").await.0, 200);
        // As curl asks with every request in the clear, if told to speak HTTP/2; it goes on without.
        conn.send(&UPGRADE.replace("websocket", "h2c")).await;
        assert_eq!(conn.response().await.0, 200);
        let problem = conn.problem(&format!("{UPGRADE}GET /admin HTTP/1.1\r\nhost: a\r\n\r\n")).await;
        assert_eq!((problem.reason.as_str(), problem.status), (Reason::UpgradeRefused.code(), 403));
        assert_eq!((problem.detail.as_str(), problem.connection.as_deref()), ("websocket", Some(connection)));
        assert!(conn.ends().await, "what follows may be meant for another protocol");
    }
}

#[tokio::test]
async fn a_websocket_is_told_when_its_instance_goes_away() {
    let rig = Rig::new().await;
    let (told, mut seen) = tokio::sync::mpsc::channel(1);
    rig.serves(move |mut conn| {
        let told = told.clone();
        async move {
            conn.request().await;
            conn.send(SWITCH).await;
            conn.send_bytes(&[0x81, 2, b'h', b'i']).await;
            told.send(conn.exactly(8).await).await.unwrap();
        }
    })
    .await;
    let mut client = rig.client().await;
    client.send(UPGRADE).await;
    client.response_head("GET").await;
    assert_eq!(client.exactly(4).await, [0x81, 2, b'h', b'i']);
    rig.apply(&[("users", true, &[])]).await;
    let drained = rig.mesh.drain(&id("users", 1), Duration::from_millis(50)).await;
    assert_eq!(drained, Drained::CutOff(1));
    assert_eq!(client.exactly(4).await, [0x88, 2, 0x03, 0xE9], "close frame, 1001");
    assert_eq!(seen.recv().await.unwrap(), [0x88, 0x82, 0, 0, 0, 0, 0x03, 0xE9]);
    assert!(client.ends().await);
    let (outcomes, reasons) = ended(&rig).await;
    assert_eq!((outcomes.failed, reasons), (1, [(Reason::DrainTimeout, 1)].into()));
}

/// RFC 9113 section 8.6: there is no 101 in HTTP/2.
#[tokio::test]
async fn an_instance_of_http2_that_switches() {
    let rig = Rig::with(|policy| policy.protocol = Protocol::Http2).await;
    rig.serves(|conn| async move {
        let Ok(mut connection) = h2::server::handshake(conn.into_stream()).await else { return };
        while let Some(Ok((_, mut respond))) = connection.accept().await {
            let switching = http::Response::builder().status(101).body(()).unwrap();
            respond.send_informational(switching).unwrap();
            let _ = respond.send_response(http::Response::new(()), true);
        }
    })
    .await;
    for head in ["GET / HTTP/1.1\r\nhost: a\r\n\r\n", UPGRADE] {
        let problem = rig.client().await.problem(head).await;
        assert_eq!((problem.reason.as_str(), problem.status), (Reason::BadResponse.code(), 502));
    }
    let mut client = http2_client::connect(&rig, rig.gateway).await;
    let (status, head, _) = http2_client::send(&mut client, http2_client::request("GET", "/", "")).await;
    assert_eq!((status, &head.headers()["x-isles-reason"]), (502, &Reason::BadResponse.code().parse().unwrap()));
}

/// A client and an instance that have changed to another protocol.
async fn tunnel(rig: &Rig, upgrade: &str) -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    rig.apply(&[("users", true, &[(1, Target::Tcp(listener.local_addr().unwrap()))])]).await;
    let mut client = TcpStream::connect(rig.gateway).await.unwrap();
    client.write_all(upgrade.as_bytes()).await.unwrap();
    let (mut instance, _) = timeout(PATIENCE, listener.accept()).await.unwrap().unwrap();
    let switch = if upgrade == UPGRADE { SWITCH.to_owned() } else { SWITCH.replace("WebSocket", "other") };
    instance.write_all(switch.as_bytes()).await.unwrap();
    timeout(PATIENCE, client.read_exact(&mut vec![0; switch.len()])).await.unwrap().unwrap();
    let mut head = [0; 1024];
    while !head.ends_with(b"\r\n\r\n") {
        head.rotate_left(1);
        timeout(PATIENCE, instance.read_exact(&mut head[1023..])).await.unwrap().unwrap();
    }
    (client, instance)
}

/// How the only request of the gateway ended.
async fn ended(rig: &Rig) -> (Outcomes, BTreeMap<Reason, u64>) {
    let figures = || rig.mesh.connections().into_iter().find(|one| one.caller == "gateway").unwrap();
    while figures().requests == 0 {
        tokio::task::yield_now().await;
    }
    let figures = figures();
    (figures.outcomes, figures.reasons)
}

async fn read<const N: usize>(stream: &mut TcpStream) -> [u8; N] {
    let mut bytes = [0; N];
    timeout(PATIENCE, stream.read_exact(&mut bytes)).await.unwrap().unwrap();
    bytes
}

#[tokio::test]
async fn what_no_close_frame_tells_of_is_reset_at_the_end_of_a_drain() {
    const HALF: [u8; 3] = [0x81, 5, b'h'];
    for (upgrade, client_has_half, instance_has_half) in [
        (UPGRADE.replace("websocket", "other"), false, false),
        (UPGRADE.into(), true, false),
        (UPGRADE.into(), false, true),
        (UPGRADE.into(), true, true),
    ] {
        let rig = Rig::new().await;
        let (mut client, mut instance) = tunnel(&rig, &upgrade).await;
        if client_has_half {
            instance.write_all(&HALF).await.unwrap();
            assert_eq!(read(&mut client).await, HALF);
        }
        if instance_has_half {
            client.write_all(&HALF).await.unwrap();
            assert_eq!(read(&mut instance).await, HALF);
        }
        rig.apply(&[("users", true, &[])]).await;
        assert_eq!(rig.mesh.drain(&id("users", 1), Duration::from_millis(1)).await, Drained::CutOff(1));
        let is_websocket = upgrade == UPGRADE;
        assert_eq!(is_reset(&mut client).await, !is_websocket || client_has_half, "{client_has_half} {upgrade}");
        assert_eq!(is_reset(&mut instance).await, !is_websocket || instance_has_half, "{instance_has_half} {upgrade}");
        let (outcomes, reasons) = ended(&rig).await;
        assert_eq!((outcomes.failed, reasons), (1, [(Reason::DrainTimeout, 1)].into()));
    }
}

#[tokio::test]
async fn after_one_end_a_tunnel_lasts_until_the_other_one_is_silent() {
    const SILENCE: Duration = Duration::from_secs(2);
    for by_client in [true, false] {
        let rig = Rig::with(|policy| policy.idle_timeout = SILENCE).await;
        let (client, instance) = tunnel(&rig, UPGRADE).await;
        let (mut ends, mut goes_on) = if by_client { (client, instance) } else { (instance, client) };
        ends.shutdown().await.unwrap();
        for number in 0..25 {
            goes_on.write_all(&[number]).await.unwrap();
            assert_eq!(read(&mut ends).await, [number], "ended by the client: {by_client}");
            tokio::time::sleep(SILENCE / 20).await;
        }
        assert!(is_reset(&mut ends).await, "what was not ended must not look whole");
        let (outcomes, reasons) = ended(&rig).await;
        let failed = u64::from(by_client);
        assert_eq!((outcomes.failed, outcomes.cancelled), (failed, 1 - failed));
        assert_eq!(reasons.get(&Reason::IdleTimeout), by_client.then_some(&1), "the instance was waited for");
    }
}

#[tokio::test]
async fn whichever_side_cuts_a_tunnel_off_the_other_one_is_reset() {
    for by_instance in [true, false] {
        let rig = Rig::new().await;
        let (client, instance) = tunnel(&rig, UPGRADE).await;
        let (gone, mut told) = if by_instance { (instance, client) } else { (client, instance) };
        reset(gone);
        assert!(is_reset(&mut told).await, "by the instance: {by_instance}");
        let (outcomes, reasons) = ended(&rig).await;
        let failed = u64::from(by_instance);
        assert_eq!((outcomes.failed, outcomes.cancelled), (failed, 1 - failed));
        assert_eq!(reasons.get(&Reason::Reset), by_instance.then_some(&1));
        let failures = rig.mesh.failures(&"users".parse().unwrap());
        let told = failures.first().map(|failure| (failure.reason, &*failure.detail));
        assert_eq!(told, by_instance.then_some((Some(Reason::Reset), "after it changed to another protocol")));
    }
}
