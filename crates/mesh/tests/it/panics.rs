//! A panic while a request is served, wherever that is: it costs its connection or its stream, and nothing else.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::SeqCst},
};

use model::Timestamp;
use ports::{
    clock::{Clock, HostClock},
    traffic::Traffic,
};

use crate::{http2_client, rig::*};

/// A clock that panics once, when it is read for the n-th time from when it was told so.
struct Brittle {
    host: HostClock,
    reads_left: AtomicU64,
}

impl Clock for Brittle {
    fn now(&self) -> Timestamp {
        let left = self.reads_left.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1));
        assert_ne!(left, Ok(1), "as told");
        self.host.now()
    }
}

/// So many times is the clock read for a request at least: when it comes, when its answer comes, and at its end.
const READS_MIN: u64 = 3;

#[tokio::test]
async fn one_costs_its_connection_and_nothing_else() {
    let clock = Arc::new(Brittle { host: HostClock::start(), reads_left: AtomicU64::new(0) });
    let rig = Rig::with_clock(clock.clone(), |config| config.workers = 1).await;
    rig.serves(echo).await;
    let mut other = rig.client().await;
    for reads in 1..=READS_MIN {
        for _ in 0..2 {
            assert_eq!(other.get("/").await.0, 200);
        }
        let mut client = rig.client().await;
        assert_eq!(client.get("/").await.0, 200);
        clock.reads_left.store(reads, SeqCst);
        client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
        client.rest().await;
        settled(&rig, reads).await;
        assert_eq!(other.get("/").await.0, 200, "the worker goes on, and so do its other connections");
    }
    let mut http2 = http2_client::connect(&rig, rig.gateway).await;
    let get = || http2_client::request("GET", "/", "");
    for reads in 1..=READS_MIN {
        assert_eq!(http2_client::send(&mut http2, get()).await.0, 200);
        clock.reads_left.store(reads, SeqCst);
        let _ = tokio::time::timeout(PATIENCE, http2.send_request(get())).await.expect("the stream ends");
        settled(&rig, READS_MIN + reads).await;
    }
    assert_eq!(http2_client::send(&mut http2, get()).await.0, 200, "the other streams of the connection go on");
}

/// So many panics are known, and nothing is left in flight.
async fn settled(rig: &Rig, panics: u64) {
    let expected = format!("{panics} connections were ended by a defect of Isles");
    let known = async {
        while !rig.mesh.notices().iter().any(|notice| notice.starts_with(&expected)) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, known).await.expect("the panic is counted");
    rig.until_in_flight(&id("users", 1), 0).await;
    let figures = &rig.mesh.connections()[0];
    assert_eq!((figures.in_flight, figures.queued), (0, 0));
}
