//! What stays open takes no room from requests, and counts as it begins.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::Duration,
};

use model::{
    figures::BreakerState,
    spec::{Balance, Breaker, Outlier, Protocol},
};
use ports::{
    clock::FakeClock,
    traffic::{Target, Traffic},
};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::{grpc, http2_client, rig::*};

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

const UPGRADE: &str = "GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: chat\r\n\r\n";
const EVENTS: &str = "GET /events HTTP/1.1\r\nhost: a\r\n\r\n";

/// Opens what stays open, or answers 503 while it is told to be broken, and to `/broken`; `/cut` is cut off after its head.
async fn opening(rig: &Rig, broken: &Arc<AtomicBool>) -> Target {
    let broken = broken.clone();
    rig.server(move |mut conn| {
        let broken = broken.clone();
        async move {
            while let Some((head, _)) = conn.request().await {
                let answer = match () {
                    () if broken.load(SeqCst) || head.contains("/broken") => {
                        "503 Service Unavailable\r\ncontent-length: 0\r\n\r\n"
                    }
                    () if head.contains("/cut") => "200 OK\r\ncontent-length: 5\r\n\r\nhal",
                    () if head.contains("upgrade: chat") => {
                        "101 Switching Protocols\r\nupgrade: chat\r\nconnection: upgrade\r\n\r\n"
                    }
                    () => "200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nevent\r\n",
                };
                conn.send(&format!("HTTP/1.1 {answer}")).await;
                if head.contains("/cut") {
                    return;
                }
            }
        }
    })
    .await
}

/// A rig whose breaker opens after three failures, and its clock. With one worker, instances take turns.
async fn with_breaker() -> (Rig, Arc<FakeClock>) {
    let clock = Arc::<FakeClock>::default();
    clock.advance(Duration::from_secs(1_790_000_000));
    let mut rig = Rig::with_clock(clock.clone(), |config| config.workers = 1).await;
    rig.policy.breaker = Some(Breaker { consecutive: 3, ..Breaker::default() });
    (rig, clock)
}

/// That of the connection that is used.
fn breaker(rig: &Rig) -> BreakerState {
    let all = rig.mesh.connections();
    let moved = all.iter().map(|figures| figures.breaker).find(|breaker| *breaker != BreakerState::Closed);
    moved.unwrap_or(BreakerState::Closed)
}

async fn until_breaker(rig: &Rig, state: BreakerState) {
    let reached = async {
        while breaker(rig) != state {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, reached).await.unwrap_or_else(|_| panic!("it is never {state:?}"));
}

#[tokio::test]
async fn what_a_probe_opens_closes_the_breaker_while_it_is_open() {
    for request in [UPGRADE, EVENTS] {
        let (rig, clock) = with_breaker().await;
        let broken = Arc::new(AtomicBool::new(true));
        let target = opening(&rig, &broken).await;
        rig.apply(&[("users", true, &[(1, target)])]).await;
        for _ in 0..3 {
            assert_eq!(rig.client().await.get("/").await.0, 503);
        }
        until_breaker(&rig, BreakerState::Open).await;
        broken.store(false, SeqCst);
        clock.advance(Duration::from_secs(2));
        let mut open = Vec::new();
        for _ in 0..3 {
            let mut client = rig.client().await;
            client.send(request).await;
            let status = client.response_head("GET").await.0;
            assert!([101, 200].contains(&status), "{status} for {request}");
            open.push(client);
        }
        assert_eq!(breaker(&rig), BreakerState::Closed, "{request}");
    }
}

#[tokio::test]
async fn a_connection_of_plain_tcp_closes_the_breaker_while_it_is_open() {
    let (mut rig, clock) = with_breaker().await;
    (rig.policy.protocol, rig.policy.retries) = (Protocol::Tcp, 0);
    rig.apply(&[("users", true, &[(1, nowhere())])]).await;
    for _ in 0..3 {
        rig.caller_is_reset().await;
    }
    until_breaker(&rig, BreakerState::Open).await;
    let target = rig.server(echo).await;
    rig.apply(&[("users", true, &[(2, target)])]).await;
    clock.advance(Duration::from_secs(2));
    let mut caller = rig.caller().await;
    assert_eq!(caller.get("/").await.0, 200);
    assert_eq!(breaker(&rig), BreakerState::Closed);
}

/// Of each instance in turn.
#[tokio::test]
async fn failures_between_what_is_opened_are_no_run() {
    let (mut rig, _clock) = with_breaker().await;
    rig.policy.balance = Balance::RoundRobin;
    rig.policy.outlier = Some(Outlier { consecutive: 2, ..Outlier::default() });
    let works = Arc::new(AtomicBool::new(false));
    let (one, other) = (opening(&rig, &works).await, opening(&rig, &works).await);
    rig.apply(&[("users", true, &[(1, one), (2, other)])]).await;
    let mut open = Vec::new();
    for _ in 0..4 {
        for request in [UPGRADE, EVENTS] {
            let mut client = rig.client().await;
            client.send(request).await;
            assert!(client.response_head("GET").await.0 < 300, "after {}", open.len());
            open.push(client);
        }
        for _ in 0..2 {
            assert_eq!(rig.client().await.get("/broken").await.0, 503);
        }
    }
    let figures = &rig.mesh.connections()[0];
    assert_eq!((figures.breaker, figures.ejected.as_slice()), (BreakerState::Closed, &[][..]));
}

#[tokio::test]
async fn what_breaks_off_after_its_head_is_a_failure() {
    let (mut rig, clock) = with_breaker().await;
    rig.policy.balance = Balance::RoundRobin;
    rig.policy.outlier = Some(Outlier { consecutive: 2, ..Outlier::default() });
    let works = Arc::new(AtomicBool::new(false));
    let (one, other) = (opening(&rig, &works).await, opening(&rig, &works).await);
    rig.apply(&[("users", true, &[(1, one), (2, other)])]).await;
    let cut = async || {
        let mut client = rig.client().await;
        client.send("GET /cut HTTP/1.1\r\nhost: a\r\n\r\n").await;
        let (status, _, framing) = client.response_head("GET").await;
        assert_eq!((status, client.body(framing).await), (200, None));
    };
    for _ in 0..3 {
        cut().await;
    }
    until_breaker(&rig, BreakerState::Open).await;
    assert_eq!(rig.mesh.connections()[0].ejected, [id("users", 1)]);
    clock.advance(Duration::from_secs(2));
    cut().await;
    until_breaker(&rig, BreakerState::Open).await;
}

#[tokio::test]
async fn a_failure_in_the_trailers_is_one() {
    let (mut rig, _clock) = with_breaker().await;
    rig.policy.protocol = Protocol::Http2;
    let (target, _) = grpc::server(&rig).await;
    rig.apply(&[("users", true, &[(1, target)])]).await;
    let mut sender = http2_client::connect(&rig, rig.gateway).await;
    for _ in 0..3 {
        let (status, ..) = http2_client::send(&mut sender, grpc::grpc("/unavailable", "hello")).await;
        assert_eq!(status, 200);
    }
    until_breaker(&rig, BreakerState::Open).await;
}
