//! Draining: nothing is sent after the epoch is acknowledged, and nothing is lost.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering::SeqCst},
    },
    time::Duration,
};

use model::Epoch;
use ports::{
    tasks::Tasks,
    traffic::{Drained, Traffic},
};
use tokio::sync::Semaphore;

use crate::rig::*;

#[tokio::test]
async fn epochs_count_up_and_take_effect_at_once() {
    let rig = Rig::new().await;
    let (first, second) = (rig.server(named("first")).await, rig.server(named("second")).await);
    let mut clients = Vec::new();
    for _ in 0..8 {
        clients.push(rig.client().await);
    }
    for number in 1..=20 {
        let (target, name) = if number % 2 == 0 { (&first, "first") } else { (&second, "second") };
        assert_eq!(rig.apply(&[("users", true, &[(number, target.clone())])]).await, Epoch(number));
        for client in &mut clients {
            assert_eq!(client.get("/").await.1, name);
        }
    }
}

#[tokio::test]
async fn a_drain_waits_for_what_is_in_flight() {
    let rig = Rig::new().await;
    let (gate, arrived) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let (opened, arrives) = (gate.clone(), arrived.clone());
    rig.serves(move |mut conn| {
        let (gate, arrived) = (opened.clone(), arrives.clone());
        async move {
            conn.request().await;
            arrived.add_permits(1);
            gate.acquire().await.unwrap().forget();
            conn.send("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nhe").await;
            gate.acquire().await.unwrap().forget();
            conn.send("re").await;
        }
    })
    .await;
    let mut client = rig.client().await;
    client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    arrived.acquire().await.unwrap().forget();
    assert_eq!(rig.mesh.in_flight(&id("users", 1)), 1);
    rig.apply(&[("users", true, &[])]).await;
    let users = id("users", 1);
    let mut drain = std::pin::pin!(rig.mesh.drain(&users, PATIENCE));
    gate.add_permits(1);
    assert_eq!(client.response_head("GET").await.0, 200);
    tokio::select! {
        biased;
        drained = &mut drain => panic!("the response is not whole, but {drained:?}"),
        () = tokio::task::yield_now() => {}
    }
    gate.add_permits(1);
    assert_eq!(client.exactly(4).await, b"here");
    assert_eq!(drain.await, Drained::Exactly);
    assert_eq!(rig.mesh.drain(&id("users", 9), PATIENCE).await, Drained::Exactly, "an unknown instance has nothing");
}

#[tokio::test]
async fn at_the_deadline_the_rest_is_cut_off() {
    let rig = Rig::new().await;
    let arrived = Arc::new(Semaphore::new(0));
    let arrives = arrived.clone();
    rig.serves(move |mut conn| {
        let arrived = arrives.clone();
        async move {
            if conn.request().await.unwrap().0.contains("/begun") {
                conn.send("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nhe").await;
            }
            arrived.add_permits(1);
            conn.ends().await;
        }
    })
    .await;
    let (mut waiting, mut begun) = (rig.client().await, rig.client().await);
    waiting.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    begun.send("GET /begun HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let (_, _, framing) = begun.response_head("GET").await;
    arrived.acquire_many(2).await.unwrap().forget();
    rig.apply(&[("users", true, &[])]).await;
    assert_eq!(rig.mesh.drain(&id("users", 1), Duration::from_millis(50)).await, Drained::CutOff(2));
    assert_eq!(waiting.problem("").await.reason, "drain-timeout");
    assert_eq!(begun.body(framing).await, None);
}

/// An instance that closes everything at the very moment when it is told to stop.
struct Instance {
    run: u64,
    target: ports::traffic::Target,
    tasks: Tasks,
    stopped: Arc<AtomicBool>,
}

impl Instance {
    async fn start(run: u64, late: Arc<AtomicU32>) -> Self {
        let (tasks, stopped) = (Tasks::default(), Arc::new(AtomicBool::new(false)));
        let is_stopped = stopped.clone();
        let target = serve(&tasks, move |mut conn: Conn| {
            let (stopped, late) = (is_stopped.clone(), late.clone());
            async move {
                while conn.request().await.is_some() {
                    late.fetch_add(u32::from(stopped.load(SeqCst)), SeqCst);
                    tokio::task::yield_now().await;
                    conn.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
                }
            }
        })
        .await;
        Self { run, target, tasks, stopped }
    }

    async fn stop(self) {
        self.stopped.store(true, SeqCst);
        assert_eq!(self.tasks.stop(PATIENCE).await, 0);
    }
}

#[tokio::test]
async fn replacing_instances_under_load_costs_no_request() {
    let rig = Rig::with(|policy| policy.retries = 0).await;
    let late = Arc::new(AtomicU32::new(0));
    let (failed, done, over) =
        (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)), Arc::new(AtomicBool::new(false)));
    let mut current = Instance::start(1, late.clone()).await;
    rig.apply(&[("users", true, &[(1, current.target.clone())])]).await;
    let mut ended = Vec::new();
    for _ in 0..16 {
        let mut client = rig.client().await;
        let (failed, done, over) = (failed.clone(), done.clone(), over.clone());
        let (end, gone) = tokio::sync::oneshot::channel();
        ended.push(gone);
        rig.spawn(async move {
            while !over.load(SeqCst) {
                client.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\n\r\nx").await;
                failed.fetch_add(u32::from(client.response().await.0 != 200), SeqCst);
                done.fetch_add(1, SeqCst);
            }
            let _ = end.send(());
        });
    }
    for run in 2..40 {
        let before = done.load(SeqCst);
        let next = Instance::start(run, late.clone()).await;
        rig.apply(&[("users", true, &[(current.run, current.target.clone()), (run, next.target.clone())])]).await;
        rig.apply(&[("users", true, &[(run, next.target.clone())])]).await;
        let old = std::mem::replace(&mut current, next);
        assert_eq!(rig.mesh.drain(&id("users", old.run), PATIENCE).await, Drained::Exactly);
        old.stop().await;
        while done.load(SeqCst) < before + 50 {
            tokio::task::yield_now().await;
        }
    }
    over.store(true, SeqCst);
    for gone in ended {
        gone.await.expect("no client failed");
    }
    assert_eq!((failed.load(SeqCst), late.load(SeqCst)), (0, 0), "of {} requests", done.load(SeqCst));
}
