//! How busy a service is, and who waits for one that sleeps.

use std::{sync::Arc, time::Duration};

use model::ServiceName;
use ports::{
    clock::FakeClock,
    traffic::{Load, Routing, Traffic, Upstream},
};
use tokio::{sync::Semaphore, time::timeout};

use crate::rig::*;

const GET: &str = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";

fn users() -> ServiceName {
    "users".parse().unwrap()
}

fn upstream(routing: &mut Routing) -> &mut Upstream {
    Arc::make_mut(routing.services.get_mut(&users()).unwrap())
}

async fn until_load(rig: &Rig, in_flight: u32) {
    let reached = async {
        while rig.mesh.load(&users()).in_flight != in_flight {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, reached).await.unwrap_or_else(|_| panic!("{:?}, not {in_flight}", rig.mesh.load(&users())));
}

#[tokio::test]
async fn load_is_exact_and_counts_what_is_held() {
    let clock = Arc::<FakeClock>::default();
    clock.advance(Duration::from_secs(1_790_000_000));
    let rig = Rig::with_clock(clock.clone(), |_| {}).await;
    assert_eq!(rig.mesh.load(&users()), Load::default(), "nothing is known of it");
    rig.apply(&[("users", false, &[])]).await;
    let gate = Arc::new(Semaphore::new(0));
    let waits = gate.clone();
    let target = rig
        .server(move |mut conn| {
            let gate = waits.clone();
            async move {
                while conn.request().await.is_some() {
                    gate.acquire().await.unwrap().forget();
                    conn.send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
                }
            }
        })
        .await;
    let mut clients = [rig.client().await, rig.client().await, rig.caller().await];
    for (index, client) in (0..).zip(&mut clients) {
        client.send(GET).await;
        until_load(&rig, index + 1).await;
        clock.advance(Duration::from_micros(1_000_001));
    }
    let held = Load { in_flight: 3, busy: Duration::from_micros(6_000_006) };
    assert_eq!(rig.mesh.load(&users()), held);
    rig.apply(&[("users", true, &[(1, target)])]).await;
    rig.until_in_flight(&id("users", 1), 3).await;
    assert_eq!(rig.mesh.load(&users()), held, "the same requests, held or not");
    gate.add_permits(3);
    for client in &mut clients {
        assert_eq!(client.response().await.0, 200);
    }
    until_load(&rig, 0).await;
    clock.advance(Duration::from_secs(9));
    assert_eq!(rig.mesh.load(&users()), Load { in_flight: 0, ..held });
}

#[tokio::test]
async fn a_service_that_sleeps_is_awaited_and_its_requests_are_held() {
    let rig = Rig::with(|policy| policy.timeout = PATIENCE).await;
    let mut routing = rig.routing(&[("users", true, &[])]);
    upstream(&mut routing).asleep = true;
    rig.mesh.apply(routing.clone()).await;
    let (mut client, mut caller) = (rig.client().await, rig.caller().await);
    client.send(GET).await;
    assert_eq!(timeout(PATIENCE, rig.mesh.awaited()).await.unwrap(), [users()].into());
    assert_eq!(rig.mesh.load(&users()).in_flight, 1);
    rig.mesh.apply(routing.clone()).await;
    let again = timeout(Duration::from_millis(50), rig.mesh.awaited()).await;
    assert!(again.is_err(), "another state is no other request");
    caller.send(GET).await;
    assert_eq!(timeout(PATIENCE, rig.mesh.awaited()).await.unwrap(), [users()].into());

    rig.apply(&[("users", true, &[(1, rig.server(named("awake")).await)])]).await;
    for client in [&mut client, &mut caller] {
        assert_eq!(client.response().await.2, b"awake");
    }
    rig.apply(&[("users", true, &[])]).await;
    assert_eq!(client.problem(GET).await.reason, "no-upstream", "what does not sleep is not woken");
}

#[tokio::test]
async fn what_sleeps_is_awaited_within_the_bounds_of_the_connection() {
    let rig = Rig::with(|policy| (policy.queue, policy.timeout) = (1, Duration::from_millis(200))).await;
    let mut routing = rig.routing(&[("users", true, &[])]);
    upstream(&mut routing).asleep = true;
    rig.mesh.apply(routing).await;
    let mut first = rig.client().await;
    first.send(GET).await;
    timeout(PATIENCE, rig.mesh.awaited()).await.unwrap();
    assert_eq!(rig.client().await.problem(GET).await.reason, "queue-full");
    assert_eq!(first.problem("").await.reason, "not-ready");
    until_load(&rig, 0).await;
}

/// During a migration nothing new arrives, though the instances are there.
#[tokio::test]
async fn new_requests_are_held_and_those_in_flight_go_on() {
    let rig = Rig::with(|policy| (policy.timeout, policy.retries) = (PATIENCE, 1)).await;
    let (gate, waits) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let (opens, arrives) = (gate.clone(), waits.clone());
    let target = rig
        .server(move |mut conn| {
            let (gate, arrived) = (opens.clone(), arrives.clone());
            async move {
                while let Some((head, _)) = conn.request().await {
                    arrived.add_permits(1);
                    if head.starts_with("GET /slow ") {
                        gate.acquire().await.unwrap().forget();
                    }
                    conn.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
                }
            }
        })
        .await;
    let mut routing = rig.routing(&[("users", true, &[(1, target)])]);
    rig.mesh.apply(routing.clone()).await;
    let (mut slow, mut client, mut caller) = (rig.client().await, rig.client().await, rig.caller().await);
    slow.send("GET /slow HTTP/1.1\r\nhost: a\r\n\r\n").await;
    waits.acquire().await.unwrap().forget();
    upstream(&mut routing).hold = true;
    rig.mesh.apply(routing.clone()).await;
    client.send(GET).await;
    caller.send(GET).await;
    until_load(&rig, 3).await;
    gate.add_permits(1);
    assert_eq!(slow.response().await.0, 200);
    rig.until_in_flight(&id("users", 1), 0).await;
    assert_eq!(waits.available_permits(), 0, "nothing has arrived");
    upstream(&mut routing).hold = false;
    rig.mesh.apply(routing.clone()).await;
    for client in [&mut client, &mut caller] {
        assert_eq!(client.response().await.0, 200);
    }
    upstream(&mut routing).hold = true;
    routing.shutting_down = true;
    rig.mesh.apply(routing).await;
    assert_eq!(caller.get("/").await.0, 200, "nothing is held when the system stops");
}
