//! Requests that wait for room: whom they keep waiting, and what is left of their time.

use std::{sync::Arc, time::Duration};

use model::{Reason, spec::Policy};
use ports::{
    clock::FakeClock,
    traffic::{Target, Traffic},
};
use tokio::sync::Semaphore;

use crate::rig::*;

const GET: &str = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";

/// Answers with the head that came, to `/slow` only when it is let; tells of each request.
async fn instance(rig: &Rig) -> (Target, Arc<Semaphore>, Arc<Semaphore>) {
    let (came, gate) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let (comes, opens) = (came.clone(), gate.clone());
    let script = move |mut conn: Conn| {
        let (came, gate) = (comes.clone(), opens.clone());
        async move {
            while let Some((head, _)) = conn.request().await {
                came.add_permits(1);
                if head.contains("/slow") {
                    gate.acquire().await.unwrap().forget();
                }
                conn.send(&format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{head}", head.len())).await;
            }
        }
    };
    (rig.server(script).await, came, gate)
}

async fn until_queued(rig: &Rig, connection: &str) {
    let queued = || rig.mesh.connections().into_iter().find(|one| one.connection == connection).unwrap().queued;
    while queued() == 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn who_may_have_few_connections_to_an_instance_stalls_nobody_else() {
    let rig = Rig::with(|policy| (policy.queue, policy.limits.upstream_connections) = (1, 1)).await;
    let (target, came, gate) = instance(&rig).await;
    let mut routing = rig.routing(&[("users", true, &[(1, target)])]);
    let gateway = routing.gateway.as_mut().unwrap();
    Arc::make_mut(gateway).policy = Arc::new(Policy { queue: 0, timeout: PATIENCE / 2, ..Policy::default() });
    rig.mesh.apply(routing).await;
    let (mut first, mut second) = (rig.client().await, rig.client().await);
    for client in [&mut first, &mut second] {
        client.send("GET /slow HTTP/1.1\r\nhost: a\r\n\r\n").await;
    }
    came.acquire_many(2).await.unwrap().forget();
    let late = "GET / HTTP/1.1\r\nhost: a\r\nx-isles-timeout-ms: 100\r\n\r\n";
    let problem = rig.caller().await.problem(late).await;
    assert_eq!((problem.reason.as_str(), problem.status), (Reason::DeadlineExceeded.code(), 504));
    assert_eq!(problem.detail, "2 connections to users/1#1, waited 100ms");
    let mut waits = rig.caller().await;
    waits.send(GET).await;
    until_queued(&rig, "orders -> users").await;
    let (status, body) = rig.client().await.get("/").await;
    assert_eq!(status, 200, "who has room goes before who has none: {body}");
    gate.add_permits(2);
    assert_eq!(waits.response().await.0, 200);
}

/// Two connections are served by two workers, so who makes room reads another clock.
#[tokio::test]
async fn the_deadline_that_goes_on_is_what_is_left_after_the_wait() {
    let limits: [fn(&mut Policy); 2] =
        [|policy| policy.in_flight_max = 1, |policy| policy.limits.upstream_connections = 1];
    for limit in limits {
        let clock = Arc::<FakeClock>::default();
        clock.advance(Duration::from_secs(1_790_000_000));
        let mut rig = Rig::with_clock(clock.clone(), |_| {}).await;
        rig.policy.timeout = Duration::from_secs(600);
        limit(&mut rig.policy);
        let (target, came, gate) = instance(&rig).await;
        rig.apply(&[("users", true, &[(1, target)])]).await;
        let mut first = rig.caller().await;
        first.send("GET /slow HTTP/1.1\r\nhost: a\r\n\r\n").await;
        came.acquire().await.unwrap().forget();
        let mut second = rig.caller().await;
        second.send(GET).await;
        until_queued(&rig, "orders -> users").await;
        clock.advance(Duration::from_secs(400));
        gate.add_permits(1);
        assert_eq!(first.response().await.0, 200);
        let (_, _, body) = second.response().await;
        let head = String::from_utf8(body).unwrap();
        assert!(head.contains("\r\nx-isles-timeout-ms: 200000\r\n"), "{head}");
    }
}
