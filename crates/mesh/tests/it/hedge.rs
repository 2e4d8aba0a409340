//! What is unusually long: as the callee answers now, not as it once did, nor as its answers last.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};

use model::spec::{Balance, RetryBudget};
use ports::{
    clock::FakeClock,
    traffic::{Target, Traffic},
};

use tokio::sync::Semaphore;

use crate::rig::*;

/// How the instances answer.
struct Script {
    clock: Arc<FakeClock>,
    /// The seconds of that clock until the head is sent.
    takes: AtomicU64,
    /// `/last` ends when there is a permit.
    ends: Semaphore,
    /// The least milliseconds that somebody was told to be left.
    told: AtomicU64,
}

/// An instance. The first one never answers `/wait`.
async fn instance(rig: &Rig, run: u64, script: &Arc<Script>) -> Target {
    let script = script.clone();
    rig.server(move |mut conn| {
        let script = script.clone();
        async move {
            while let Some((head, _)) = conn.request().await {
                let told = head.split_once("x-isles-timeout-ms: ").unwrap().1.lines().next().unwrap();
                script.told.fetch_min(told.parse().unwrap(), SeqCst);
                if run == 1 && head.contains("/wait") {
                    script.clock.advance(Duration::from_secs(400));
                    std::future::pending::<()>().await;
                }
                script.clock.advance(Duration::from_secs(script.takes.load(SeqCst)));
                let (start, end) = if head.contains("/last") { ("o", "k") } else { ("ok", "") };
                conn.send(&format!("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{start}")).await;
                if !end.is_empty() {
                    script.ends.acquire().await.unwrap().forget();
                    conn.send(end).await;
                }
            }
        }
    })
    .await
}

/// A rig of one worker with two instances.
async fn rig() -> (Rig, [(u64, Target); 2], Arc<Script>) {
    let script = Arc::new(Script {
        clock: Arc::default(),
        takes: AtomicU64::new(0),
        ends: Semaphore::new(0),
        told: AtomicU64::new(u64::MAX),
    });
    script.clock.advance(Duration::from_secs(1_790_000_000));
    let mut rig = Rig::with_clock(script.clock.clone(), |config| config.workers = 1).await;
    (rig.policy.hedge, rig.policy.balance, rig.policy.timeout) = (true, Balance::RoundRobin, Duration::from_secs(600));
    rig.policy.retry_budget = RetryBudget { percent: 100, ..RetryBudget::default() };
    let [one, other] = [instance(&rig, 1, &script).await, instance(&rig, 2, &script).await];
    let instances = [(1, one), (2, other)];
    rig.apply(&[("users", true, &instances)]).await;
    (rig, instances, script)
}

/// Asks so often, and returns how many were hedged of all so far: of POST none.
async fn hedges(rig: &Rig, client: &mut Conn, method: &str, requests: u64) -> u64 {
    let before = rig.mesh.connections()[0].requests;
    for _ in 0..requests {
        client.send(&format!("{method} / HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n")).await;
        assert_eq!(client.response().await.0, 200);
    }
    loop {
        let figures = rig.mesh.connections().remove(0);
        if figures.requests == before + requests {
            return figures.hedges;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn what_has_become_usual_is_hedged_no_more() {
    let (rig, _, script) = rig().await;
    let mut client = rig.client().await;
    hedges(&rig, &mut client, "POST", 2000).await;
    script.takes.store(60, SeqCst);
    let hedged = hedges(&rig, &mut client, "GET", 40).await;
    assert_eq!(hedges(&rig, &mut client, "GET", 60).await, hedged);
}

#[tokio::test]
async fn answers_that_last_do_not_switch_it_off() {
    let (rig, instances, script) = rig().await;
    let mut client = rig.client().await;
    for _ in 0..100 {
        client.send("GET /last HTTP/1.1\r\nhost: a\r\n\r\n").await;
        let (_, _, framing) = client.response_head("GET").await;
        script.clock.advance(Duration::from_secs(3600));
        script.ends.add_permits(1);
        assert_eq!(client.body(framing).await.unwrap(), b"ok");
    }
    // What is known goes on where the routing changes.
    rig.apply(&[("users", true, &instances)]).await;
    for _ in 0..2 {
        assert_eq!(client.get("/wait").await.0, 200);
    }
}

/// By the time that the second one is asked, the first one has the request: that takes a second.
#[tokio::test]
async fn the_second_instance_is_told_what_is_left() {
    let (rig, _, script) = rig().await;
    let mut client = rig.client().await;
    script.takes.store(1, SeqCst);
    hedges(&rig, &mut client, "POST", 100).await;
    for _ in 0..2 {
        assert_eq!(client.get("/wait").await.0, 200);
    }
    assert_eq!(script.told.load(SeqCst), 200_000);
}
