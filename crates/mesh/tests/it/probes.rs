//! Health checks.

use std::time::Duration;

use model::spec::Protocol;
use ports::{
    probes::{Answered, Probe, ProbeFailure, Probes},
    traffic::Target,
};

use crate::rig::*;

#[tokio::test]
async fn what_a_probe_finds() {
    let rig = Rig::new().await;
    let target = rig
        .server(|mut conn| async move {
            let Some((head, _)) = conn.request().await else { return };
            assert!(
                head.contains("\r\nhost: localhost\r\nuser-agent: isles-health\r\nconnection: close\r\n"),
                "{head}"
            );
            match head.split(' ').nth(1).unwrap() {
                "/ok" => conn.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await,
                "/old" => conn.send("HTTP/1.0 302 Found\r\nlocation: /x\r\n\r\n").await,
                "/ill" => conn.send("HTTP/1.1 500 Ill\r\ncontent-length: 0\r\n\r\n").await,
                "/chunks" => {
                    conn.send("HTTP/1.1 503 No\r\ntransfer-encoding: chunked\r\n\r\n3\r\nno \r\n2\r\ndb\r\n").await;
                    conn.send("0\r\n\r\n").await;
                }
                "/long" => {
                    let body = "a".repeat(100_000);
                    conn.send(&format!("HTTP/1.1 500 Long\r\ncontent-length: 100000\r\n\r\n{body}")).await;
                }
                "/slow" => {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    conn.send("HTTP/1.1 200 OK\r\ncontent-").await;
                    tokio::time::sleep(Duration::from_millis(5)).await;
                    conn.send("length: 2\r\n\r\nok").await;
                }
                "/silent" => assert!(conn.ends().await),
                "/odd" => conn.send("hello\r\n\r\n").await,
                _ => {}
            }
        })
        .await;
    let limit = Duration::from_millis(300);
    let gone = nowhere();
    for (target, path, expected) in [
        (&target, Some("/ok"), Ok(())),
        (&target, Some("/old"), Ok(())),
        (&target, Some("/slow"), Ok(())),
        (&target, None, Ok(())),
        (&target, Some("/ill"), answered(500, "HTTP/1.1 500 Ill", "")),
        (&target, Some("/chunks"), answered(503, "HTTP/1.1 503 No", "no db")),
        (&target, Some("/long"), answered(500, "HTTP/1.1 500 Long", &"a".repeat(256))),
        (&target, Some("/silent"), Err(ProbeFailure::Timeout(limit))),
        (
            &target,
            Some("/odd"),
            Err(ProbeFailure::Broken("the answer does not begin with HTTP/1.0 or HTTP/1.1".into())),
        ),
        (&target, Some("/end"), Err(ProbeFailure::Broken("it closed the connection without an answer".into()))),
        (&target, Some("/a b"), Err(ProbeFailure::Broken("`/a b` is not a path".into()))),
        (&gone, None, Err(ProbeFailure::Refused(gone.to_string()))),
        (&Target::Unix("/none".into()), None, Err(ProbeFailure::Refused("/none".into()))),
    ] {
        let (protocol, path) = (Protocol::Http, path.map(Into::into));
        let probe = Probe { target: target.clone(), protocol, path, timeout: limit };
        assert_eq!(rig.mesh.probe(probe.clone()).await, expected, "{probe:?}");
    }
}

fn answered(status: u16, line: &str, body: &str) -> Result<(), ProbeFailure> {
    Err(ProbeFailure::Status(Answered { status, line: line.into(), body: body.into() }))
}

#[tokio::test]
async fn an_instance_of_http2_is_asked_in_its_own_protocol() {
    let rig = Rig::new().await;
    let target = rig
        .server(|conn| async move {
            let mut connection = h2::server::handshake(conn.into_stream()).await.unwrap();
            while let Some(Ok((request, mut respond))) = connection.accept().await {
                let status = if request.uri().path() == "/ok" { 204 } else { 503 };
                let response = http::Response::builder().status(status).body(()).unwrap();
                respond.send_response(response, false).unwrap().send_data("why".into(), true).unwrap();
            }
        })
        .await;
    let silent = rig.server(|mut conn| async move { while conn.more().await {} }).await;
    let (old, gone, limit) = (rig.server(echo).await, nowhere(), Duration::from_millis(300));
    for (target, path, expected) in [
        (&target, "/ok", Ok(())),
        (&target, "/ill", answered(503, "HTTP/2 503", "why")),
        (&silent, "/ok", Err(ProbeFailure::Timeout(limit))),
        (&gone, "/ok", Err(ProbeFailure::Refused(gone.to_string()))),
    ] {
        let timeout = if expected == Err(ProbeFailure::Timeout(limit)) { limit } else { PATIENCE };
        let probe = Probe { target: target.clone(), protocol: Protocol::Http2, path: Some(path.into()), timeout };
        assert_eq!(rig.mesh.probe(probe.clone()).await, expected, "{probe:?}");
    }
    let (protocol, path) = (Protocol::Http2, Some("/ok".into()));
    let answer = rig.mesh.probe(Probe { target: old, protocol, path, timeout: PATIENCE }).await;
    assert!(matches!(answer, Err(ProbeFailure::Broken(_))), "{answer:?}");
}
