//! What is sent again, and what never is.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering::SeqCst},
};

use model::Reason;

use crate::rig::*;

const GET: &str = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";
const POST: &str = "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc";

/// Takes requests and closes without a word.
async fn crash(mut conn: Conn) {
    conn.request().await;
}

#[tokio::test]
async fn a_refused_connection_is_invisible_if_another_instance_accepts() {
    let rig = Rig::new().await;
    let good = rig.server(echo).await;
    for _ in 0..20 {
        rig.apply(&[("users", true, &[(1, nowhere()), (2, good.clone())])]).await;
        let mut client = rig.client().await;
        client.send(POST).await;
        assert_eq!(client.response().await.2, b"POST / HTTP/1.1|abc");
    }
}

#[tokio::test]
async fn a_reset_is_invisible_only_if_the_request_may_be_done_twice() {
    for (request, statuses) in [(GET, &[200][..]), (POST, &[200, 502])] {
        let rig = Rig::new().await;
        let (good, bad) = (rig.server(echo).await, rig.server(crash).await);
        let mut seen = std::collections::BTreeSet::new();
        for run in 0..20 {
            // New instances, so that what was learnt of the bad one does not count.
            rig.apply(&[("users", true, &[(run * 2 + 1, bad.clone()), (run * 2 + 2, good.clone())])]).await;
            let mut client = rig.client().await;
            client.send(request).await;
            seen.insert(client.response().await.0);
        }
        assert!(seen.iter().all(|status| statuses.contains(status)), "{request:?}: {seen:?}");
    }
}

#[tokio::test]
async fn an_unsafe_request_is_sent_once() {
    let rig = Rig::new().await;
    let count = Arc::new(AtomicU32::new(0));
    let counted = count.clone();
    let bad = rig
        .server(move |mut conn| {
            let count = counted.clone();
            async move {
                conn.request().await;
                count.fetch_add(1, SeqCst);
            }
        })
        .await;
    rig.apply(&[("users", true, &[(1, bad.clone()), (2, bad)])]).await;
    let problem = rig.client().await.problem(POST).await;
    assert_eq!((problem.reason.as_str(), problem.instances.len(), count.load(SeqCst)), (Reason::Reset.code(), 1, 1));
    let problem = rig.client().await.problem(GET).await;
    assert_eq!((problem.reason.as_str(), problem.instances.len(), count.load(SeqCst)), (Reason::Reset.code(), 2, 3));
}

#[tokio::test]
async fn retries_end() {
    let rig = Rig::with(|policy| policy.retries = 2).await;
    let targets: Vec<_> = (1..=5).map(|run| (run, nowhere())).collect();
    rig.apply(&[("users", true, &targets)]).await;
    let mut problem = rig.client().await.problem(GET).await;
    problem.instances.sort();
    problem.instances.dedup();
    assert_eq!((problem.reason.as_str(), problem.instances.len()), ("refused", 3));
}

#[tokio::test]
async fn a_connection_that_its_peer_closed_is_not_used_again() {
    let rig = Rig::with(|policy| policy.retries = 0).await;
    rig.serves(|mut conn| async move {
        conn.request().await;
        conn.send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    })
    .await;
    let mut client = rig.client().await;
    for _ in 0..50 {
        client.send(GET).await;
        assert_eq!(client.response().await.0, 200);
    }
}
