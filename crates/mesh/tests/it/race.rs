//! Connections that were idle and close under a request: at once, or after they have worked on it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
    time::Duration,
};

use model::{
    Reason,
    spec::{Balance, Policy},
};
use ports::{
    clock::FakeClock,
    traffic::{Target, Traffic},
};

use tokio::time::timeout;

use crate::{
    http2_client::{self, connect},
    rig::*,
};

const GET: &str = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";

const SLOW: &str = "GET /slow HTTP/1.1\r\nhost: a\r\n\r\n";

/// A rig whose time stands still, so that whatever closes closes at once.
async fn still(policy: impl FnOnce(&mut Policy)) -> (Rig, Arc<FakeClock>) {
    let clock = Arc::new(FakeClock::default());
    clock.advance(Duration::from_secs(1_000_000_000));
    let mut rig = Rig::with_clock(clock.clone(), |config| config.workers = 1).await;
    // Timers go on.
    rig.policy.timeout = Duration::from_secs(600);
    policy(&mut rig.policy);
    (rig, clock)
}

/// Each connection echoes two requests and closes when the third one has come: the race, every time.
async fn tired(mut conn: Conn) {
    for _ in 0..2 {
        let Some((_, body)) = conn.request().await else { return };
        conn.send(&format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len())).await;
        conn.send_bytes(&body).await;
    }
    conn.request().await;
}

async fn tired_rig() -> Rig {
    let (rig, _) = still(|policy| policy.retries = 0).await;
    rig.serves(tired).await;
    rig
}

fn with_body(method: &str, body: &str) -> String {
    format!("{method} / HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

/// A request is counted once its answer is out.
async fn until_retries(rig: &Rig, expected: u64) {
    let reached = async {
        while rig.mesh.connections()[0].retries < expected {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, reached).await.unwrap();
    assert_eq!(rig.mesh.connections()[0].retries, expected);
}

#[tokio::test]
async fn the_keep_alive_race_is_invisible_even_with_one_instance_and_no_retries() {
    let rig = tired_rig().await;
    let mut client = rig.client().await;
    for number in 0..21 {
        assert_eq!(client.get("/").await.0, 200, "request {number}");
    }
    // The third one, the fifth one, and so on.
    until_retries(&rig, 10).await;
}

#[tokio::test]
async fn the_race_is_invisible_to_a_body_that_is_small_and_may_be_sent_twice() {
    let rig = tired_rig().await;
    let mut client = rig.client().await;
    for (number, method) in ["PUT", "DELETE"].iter().cycle().take(20).enumerate() {
        let body = number.to_string().repeat(100);
        let request = with_body(method, &body);
        // In one piece, in two, and with the next request behind it.
        let (first, second) = request.split_at(request.len() - [0, 7, body.len()][number % 3]);
        client.send(first).await;
        tokio::task::yield_now().await;
        client.send(&format!("{second}{GET}")).await;
        for expected in [body.as_bytes(), b""] {
            let (status, _, echoed) = client.response().await;
            assert_eq!((status, echoed.as_slice()), (200, expected), "request {number}");
        }
    }
    let mut sender = connect(&rig, rig.gateway).await;
    for number in 0..20 {
        let body = format!("body {number}");
        let (status, _, echoed) =
            http2_client::send(&mut sender, http2_client::request("PUT", "/", body.clone())).await;
        assert_eq!((status, echoed.as_slice()), (200, body.as_bytes()), "request {number}");
    }
}

#[tokio::test]
async fn what_cannot_or_must_not_be_sent_twice_is_not() {
    let large = "x".repeat(100_000);
    for request in [with_body("POST", "abc"), with_body("PUT", &large)] {
        let rig = tired_rig().await;
        for expected in [200, 200, 502] {
            let mut client = rig.client().await;
            client.send(&request).await;
            assert_eq!(client.response().await.0, expected);
        }
        until_retries(&rig, 0).await;
    }
}

/// Instances that close when they have worked on `/slow` for a second, once `together` of them do, and answer all else; and how many
/// requests they did not answer.
async fn slow(rig: &Rig, clock: &Arc<FakeClock>, together: u32) -> (Vec<(u64, Target)>, Arc<AtomicU32>) {
    let (mut targets, hits) = (Vec::new(), Arc::new(AtomicU32::new(0)));
    for run in 1..=2 {
        let (clock, hits) = (clock.clone(), hits.clone());
        let script = move |mut conn: Conn| {
            let (clock, hits) = (clock.clone(), hits.clone());
            async move {
                while let Some((head, _)) = conn.request().await {
                    if head.starts_with("GET /slow ") {
                        hits.fetch_add(1, SeqCst);
                        while hits.load(SeqCst) < together {
                            tokio::task::yield_now().await;
                        }
                        clock.advance(Duration::from_secs(1));
                        return;
                    }
                    clock.advance(Duration::from_millis(1));
                    conn.send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
                }
            }
        };
        targets.push((run, rig.server(script).await));
    }
    (targets, hits)
}

/// So many requests are answered before, so that both instances have an idle connection, and it is known what takes long.
const WARM: u32 = 200;

#[tokio::test]
async fn what_closes_late_has_failed_and_is_not_asked_again() {
    for (retries, percent, hits) in [(0, 100, 1), (1, 0, 1), (1, 100, 2), (3, 100, 2)] {
        let (rig, clock) = still(|policy| {
            (policy.retries, policy.balance) = (retries, Balance::RoundRobin);
            (policy.retry_budget.percent, policy.retry_budget.per_second_min) = (percent, 0);
        })
        .await;
        let (targets, seen) = slow(&rig, &clock, 1).await;
        rig.apply(&[("users", true, &targets)]).await;
        let mut client = rig.client().await;
        for _ in 0..WARM {
            assert_eq!(client.get("/").await.0, 200);
        }
        let problem = client.problem(SLOW).await;
        assert_eq!((problem.reason.as_str(), problem.instances.len()), (Reason::Reset.code(), hits as usize));
        assert_eq!(seen.load(SeqCst), hits, "{retries} {percent}");
        until_retries(&rig, u64::from(hits) - 1).await;
    }
}

#[tokio::test]
async fn two_that_were_asked_at_once_and_failed_are_not_asked_again() {
    for over_http2 in [false, true] {
        let (rig, clock) = still(|policy| {
            (policy.hedge, policy.retries, policy.balance) = (true, 3, Balance::RoundRobin);
        })
        .await;
        let (targets, seen) = slow(&rig, &clock, 2).await;
        rig.apply(&[("users", true, &targets)]).await;
        let mut client = rig.client().await;
        for _ in 0..WARM {
            assert_eq!(client.get("/").await.0, 200);
        }
        let problem = match over_http2 {
            false => client.problem(SLOW).await,
            true => {
                let mut sender = connect(&rig, rig.gateway).await;
                let get = http2_client::request("GET", "/slow", "");
                serde_json::from_slice(&http2_client::send(&mut sender, get).await.2).unwrap()
            }
        };
        assert_eq!((problem.reason.as_str(), problem.instances.len()), (Reason::Reset.code(), 2));
        assert_eq!(seen.load(SeqCst), 2);
        until_retries(&rig, 0).await;
    }
}
