//! What is refused before it is on its way says whose it is, and is told to whoever asks why.

use std::time::Duration;

use model::{
    ByteSize, Reason,
    spec::{Policy, Protocol, Rate},
};
use ports::traffic::Traffic;
use tokio::{io::AsyncReadExt, net::TcpStream, time::timeout};

use crate::{http2_client, rig::*};

fn once_an_hour(policy: &mut Policy) {
    policy.rate = Some(Rate { requests: 1, per: Duration::from_secs(3600), burst: 1 });
}

fn told(rig: &Rig) -> Vec<(Reason, String)> {
    let failures = rig.mesh.failures(&"users".parse().unwrap()).into_iter();
    failures.map(|failure| (failure.reason, failure.connection)).collect()
}

#[tokio::test]
async fn refusals_name_their_connection() {
    for (request, reason) in [
        ("GET / HTTP/1.1\r\nhost: a\r\n\r\n", Reason::RateLimited),
        ("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\n", Reason::BodyTooLarge),
        ("GET / HTTP/1.1\r\nhost: a\r\nx-isles-timeout-ms: 0\r\n\r\n", Reason::DeadlineExceeded),
    ] {
        let rig = Rig::with(|policy| {
            once_an_hour(policy);
            policy.limits.body = Some(ByteSize(8));
        })
        .await;
        rig.apply(&[("users", true, &[(1, rig.server(echo).await)])]).await;
        let mut caller = rig.caller().await;
        assert_eq!(caller.get("/").await.0, 200);
        let problem = caller.problem(request).await;
        assert_eq!(
            (problem.reason.as_str(), problem.connection.as_deref()),
            (reason.code(), Some("orders/1 -> users"))
        );
        assert!(!problem.detail.is_empty(), "{reason}");
        assert_eq!(told(&rig), [(reason, "orders/1 -> users".into())]);
    }
}

#[tokio::test]
async fn nothing_is_told_of_a_service_that_is_gone() {
    let rig = Rig::with(once_an_hour).await;
    let target = rig.server(echo).await;
    rig.apply(&[("users", true, &[(1, target.clone())])]).await;
    let mut client = rig.client().await;
    for status in [200, 429] {
        assert_eq!(client.get("/").await.0, status);
    }
    assert_eq!(told(&rig).len(), 1);
    let forgotten = async {
        while !told(&rig).is_empty() {
            // What a request is still on its way to is gone with the next state only.
            rig.apply(&[("stock", true, &[(1, target.clone())])]).await;
        }
    };
    timeout(PATIENCE, forgotten).await.unwrap();
}

#[tokio::test]
async fn of_http_2_and_plain_tcp_too() {
    let rig = Rig::with(once_an_hour).await;
    rig.apply(&[("users", true, &[(1, rig.server(echo).await)])]).await;
    let mut client = http2_client::connect(&rig, rig.gateway).await;
    for status in [200, 429] {
        assert_eq!(http2_client::send(&mut client, http2_client::request("GET", "/", "")).await.0, status);
    }
    assert_eq!(told(&rig), [(Reason::RateLimited, "gateway -> users".into())]);

    let rig = Rig::with(|policy| {
        once_an_hour(policy);
        policy.protocol = Protocol::Tcp;
    })
    .await;
    rig.apply(&[("users", true, &[(1, rig.server(echo).await)])]).await;
    assert_eq!(rig.caller().await.get("/").await.0, 200);
    let read = async { TcpStream::connect(rig.connections).await?.read(&mut [0; 1]).await };
    assert!(timeout(PATIENCE, read).await.unwrap().is_err(), "it is reset");
    assert_eq!(told(&rig), [(Reason::RateLimited, "orders/1 -> users".into())]);
}

#[tokio::test]
async fn a_long_path_is_remembered_as_far_as_a_person_reads_it() {
    let rig = Rig::with(once_an_hour).await;
    rig.apply(&[("users", true, &[(1, rig.server(echo).await)])]).await;
    let mut client = rig.client().await;
    assert_eq!(client.get("/").await.0, 200);
    assert_eq!(client.get(&format!("/{}", "a".repeat(4000))).await.0, 429);
    let told = rig.mesh.failures(&"users".parse().unwrap());
    assert_eq!(told[0].request, format!("GET /{}\u{2026}", "a".repeat(115)));
}
