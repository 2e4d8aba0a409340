//! Requests to a service that has not been healthy yet.

use std::time::Duration;

use tokio::time::timeout;

use crate::rig::*;

const GET: &str = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";
const POST: &str = "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\n";

/// Sends the request on both; returns the one that is refused because the other one waits, and the other one.
async fn refused_and_held(mut a: Conn, mut b: Conn, request: &str) -> (Conn, Conn) {
    a.send(request).await;
    b.send(request).await;
    let (first, framing) = tokio::select! {
        (_, _, framing) = a.response_head("GET") => (true, framing),
        (_, _, framing) = b.response_head("GET") => (false, framing),
    };
    let (mut refused, held) = if first { (a, b) } else { (b, a) };
    assert!(refused.body(framing).await.unwrap().starts_with(b"{"));
    (refused, held)
}

#[tokio::test]
async fn a_request_is_held_until_the_service_is_healthy() {
    let rig = Rig::with(|policy| policy.queue = 1).await;
    rig.apply(&[("users", false, &[])]).await;
    let (_, mut held) = refused_and_held(rig.client().await, rig.client().await, POST).await;
    let problem = rig.client().await.problem(GET).await;
    assert_eq!((problem.reason.as_str(), problem.detail.as_str()), ("queue-full", "1 wait already"));
    held.send("abc").await;
    let target = rig.server(echo).await;
    rig.apply(&[("users", true, &[(1, target.clone())])]).await;
    assert_eq!(held.response().await.2, b"POST / HTTP/1.1|abc");
    assert_eq!(held.get("/").await.0, 200);
    rig.apply(&[("users", true, &[])]).await;
    assert_eq!(held.problem(GET).await.reason, "no-upstream", "what was healthy once is not waited for");
}

#[tokio::test]
async fn holding_is_bounded_by_the_timeout() {
    let rig = Rig::with(|policy| policy.timeout = Duration::from_millis(100)).await;
    rig.apply(&[("users", false, &[])]).await;
    let problem = rig.client().await.problem(GET).await;
    assert_eq!((problem.reason.as_str(), problem.detail.as_str()), ("not-ready", "not healthy yet, waited 100ms"));
}

#[tokio::test]
async fn a_caller_that_goes_away_gives_its_place_up() {
    let rig = Rig::with(|policy| policy.queue = 1).await;
    rig.apply(&[("users", false, &[])]).await;
    let (mut waits, held) = refused_and_held(rig.client().await, rig.client().await, GET).await;
    drop(held);
    waits.send(GET).await;
    while let Ok((status, _, _)) = timeout(Duration::from_millis(200), waits.response()).await {
        assert_eq!(status, 503);
        waits.send(GET).await;
    }
    rig.serves(echo).await;
    assert_eq!(waits.response().await.0, 200);
}
