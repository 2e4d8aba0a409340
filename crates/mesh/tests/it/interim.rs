//! Responses before the final one, to clients that read none of them.

use std::time::Duration;

use http::{Response, StatusCode};
use model::spec::Protocol;
use ports::traffic::Traffic;

use crate::rig::*;

/// More than all sockets on the way take.
const FLOOD: usize = 32 << 20;
const LINK: usize = 4096;

async fn flood(mut conn: Conn) {
    conn.request().await;
    let hint = format!("HTTP/1.1 103 Early Hints\r\nlink: {}\r\n\r\n", "x".repeat(LINK));
    for _ in 0..FLOOD / LINK {
        if !conn.send_bytes(hint.as_bytes()).await {
            return;
        }
    }
}

async fn flood_http2(conn: Conn) {
    let Ok(mut connection) = h2::server::handshake(conn.into_stream()).await else { return };
    while let Some(Ok((_, mut respond))) = connection.accept().await {
        for _ in 0..FLOOD / LINK {
            let hint = Response::builder().status(StatusCode::EARLY_HINTS).header("link", "x".repeat(LINK));
            respond.send_informational(hint.body(()).unwrap()).unwrap();
        }
    }
}

#[tokio::test]
async fn a_client_that_reads_none_of_them_is_given_up() {
    for protocol in [Protocol::Http, Protocol::Http2] {
        let change = |policy: &mut model::spec::Policy| {
            (policy.protocol, policy.idle_timeout) = (protocol, Duration::from_millis(200));
            policy.timeout = 10 * PATIENCE;
        };
        let rig = Rig::with(change).await;
        let target = match protocol {
            Protocol::Http2 => rig.server(flood_http2).await,
            _ => rig.server(flood).await,
        };
        rig.apply(&[("users", true, &[(1, target)])]).await;
        let mut client = rig.client().await;
        client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
        rig.until_in_flight(&id("users", 1), 1).await;
        rig.until_in_flight(&id("users", 1), 0).await;
        let figures = || rig.mesh.connections().into_iter().find(|one| one.caller == "gateway").unwrap();
        while figures().requests == 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(figures().outcomes.cancelled, 1, "{protocol:?}");
    }
}
