//! Bounds as the instance sees them: whole meshes of 1, 2 and 8 workers under load from many clients at once.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
    time::Duration,
};

use model::{
    Reason,
    figures::BreakerState,
    spec::{Breaker, Policy, Rate, RetryBudget},
};
use ports::traffic::Traffic;
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use tokio::{runtime::Builder, task::JoinSet, time::timeout};

use crate::rig::*;

const GET: &str = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";
const CLIENTS: usize = 24;
const EACH: usize = 8;

/// What an instance saw.
#[derive(Default)]
struct Seen {
    inside: AtomicU32,
    most: AtomicU32,
    requests: AtomicU32,
}

impl Seen {
    /// Is busy with a request for a while.
    async fn serve(&self) {
        self.requests.fetch_add(1, SeqCst);
        self.most.fetch_max(self.inside.fetch_add(1, SeqCst) + 1, SeqCst);
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        self.inside.fetch_sub(1, SeqCst);
    }
}

/// A mesh of so many workers in front of one instance that answers with this status.
async fn mesh(workers: usize, status: &'static str, policy: impl FnOnce(&mut Policy)) -> (Arc<Rig>, Arc<Seen>) {
    let rig = Rig::start(policy, |config| config.workers = workers).await;
    let seen = Arc::new(Seen::default());
    let sees = seen.clone();
    let script = move |mut conn: Conn| {
        let seen = sees.clone();
        async move {
            while conn.request().await.is_some() {
                seen.serve().await;
                conn.send(&format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n")).await;
            }
        }
    };
    rig.serves(script).await;
    (Arc::new(rig), seen)
}

/// Status and reason of every answer, of many clients at the same time.
async fn load(rig: &Arc<Rig>) -> Vec<(u16, Option<Reason>)> {
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        let rig = rig.clone();
        clients.spawn(async move {
            let (mut client, mut answers) = (rig.client().await, Vec::new());
            for _ in 0..EACH {
                client.send(GET).await;
                let (status, head, _) = client.response().await;
                let reason = head.lines().find_map(|line| line.strip_prefix("x-isles-reason: "));
                let reason = reason.map(|code| *Reason::ALL.iter().find(|reason| reason.code() == code).unwrap());
                answers.push((status, reason));
            }
            answers
        });
    }
    timeout(PATIENCE * 3, clients.join_all()).await.expect("every request is answered").concat()
}

/// Runs a property with each number of workers, and some values of a bound.
fn check<F: Future<Output = Result<(), TestCaseError>>>(
    values: std::ops::Range<u32>,
    property: impl Fn(usize, u32) -> F,
) {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    for workers in [1, 2, 8] {
        let mut runner = TestRunner::new(Config { cases: 3, failure_persistence: None, ..Config::default() });
        runner.run(&values.clone(), |value| runtime.block_on(property(workers, value))).unwrap();
    }
}

fn count(answers: &[(u16, Option<Reason>)], reason: Option<Reason>) -> u32 {
    u32::try_from(answers.iter().filter(|(_, found)| *found == reason).count()).unwrap()
}

#[test]
fn in_flight_is_never_exceeded() {
    check(1..12, |workers, most| async move {
        let (rig, seen) = mesh(workers, "200 OK", |policy| policy.in_flight_max = most).await;
        let answers = load(&rig).await;
        prop_assert!(answers.iter().all(|answer| *answer == (200, None)), "all wait their turn");
        prop_assert!(seen.most.load(SeqCst) <= most, "{seen} of {most}", seen = seen.most.load(SeqCst));
        Ok(())
    });
}

/// Each one comes when the one before it waits; the later ones would have room at once after every answer.
#[tokio::test]
async fn those_that_wait_are_served_in_the_order_in_which_they_came() {
    let rig = Rig::start(|policy| policy.in_flight_max = 1, |config| config.workers = 2).await;
    let (came, mut order) = tokio::sync::mpsc::channel(16);
    let gate = Arc::new(tokio::sync::Semaphore::new(0));
    let opened = gate.clone();
    let script = move |mut conn: Conn| {
        let (came, gate) = (came.clone(), opened.clone());
        async move {
            while let Some((head, _)) = conn.request().await {
                came.send(head.split(' ').nth(1).unwrap().to_owned()).await.unwrap();
                gate.acquire().await.unwrap().forget();
                conn.send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
            }
        }
    };
    rig.serves(script).await;
    let mut clients = Vec::new();
    for number in 0..8 {
        let mut client = rig.client().await;
        client.send(&format!("GET /{number} HTTP/1.1\r\nhost: a\r\n\r\n")).await;
        clients.push(client);
        match number {
            0 => rig.until_in_flight(&id("users", 1), 1).await,
            _ => {
                let waits = async {
                    while rig.mesh.connections()[0].queued < number {
                        tokio::task::yield_now().await;
                    }
                };
                timeout(PATIENCE, waits).await.unwrap();
            }
        }
    }
    gate.add_permits(8);
    for number in 0..8 {
        assert_eq!(timeout(PATIENCE, order.recv()).await.unwrap().unwrap(), format!("/{number}"));
    }
}

/// Those in flight and those that wait are no more than both bounds together; all others are turned away.
#[test]
fn the_queue_is_never_exceeded() {
    check(0..6, |workers, queue| async move {
        let policy = |policy: &mut Policy| (policy.in_flight_max, policy.queue) = (1, queue);
        let rig = Arc::new(Rig::start(policy, |config| config.workers = workers).await);
        rig.serves(|mut conn: Conn| async move { while conn.request().await.is_some() {} }).await;
        let mut first = rig.client().await;
        first.send(GET).await;
        rig.until_in_flight(&id("users", 1), 1).await;
        let mut clients = JoinSet::new();
        for _ in 0..CLIENTS {
            let mut client = rig.client().await;
            clients.spawn(async move { client.problem(GET).await.reason });
        }
        for _ in 0..CLIENTS - queue as usize {
            let refused = timeout(PATIENCE, clients.join_next()).await.expect("no more wait").unwrap().unwrap();
            prop_assert_eq!(refused, Reason::Overloaded.code());
        }
        let figures = rig.mesh.connections();
        prop_assert_eq!((figures[0].queued, figures[0].in_flight), (queue, 1));
        Ok(())
    });
}

#[test]
fn a_rate_is_never_exceeded() {
    check(1..100, |workers, burst| async move {
        let rate = Rate { requests: 1, per: Duration::from_secs(3600), burst };
        let (rig, seen) = mesh(workers, "200 OK", |policy| policy.rate = Some(rate)).await;
        let answers = load(&rig).await;
        prop_assert_eq!(seen.requests.load(SeqCst), burst);
        prop_assert_eq!((count(&answers, None), count(&answers, Some(Reason::RateLimited))), (burst, 192 - burst));
        Ok(())
    });
}

/// An instance that resets every connection: each request may be tried once more, as long as the budget lasts.
#[test]
fn a_retry_budget_is_never_exceeded() {
    check(0..60, |workers, percent| async move {
        let policy = |policy: &mut Policy| {
            policy.retry_budget = RetryBudget { percent, per_second_min: 0 };
            (policy.breaker, policy.outlier) = (None, None);
        };
        let rig = Arc::new(Rig::start(policy, |config| config.workers = workers).await);
        let requests = Arc::new(AtomicU32::new(0));
        let counted = requests.clone();
        let script = move |mut conn: Conn| {
            let requests = counted.clone();
            async move {
                conn.request().await;
                requests.fetch_add(1, SeqCst);
            }
        };
        let (one, two) = (rig.server(script.clone()).await, rig.server(script).await);
        rig.apply(&[("users", true, &[(1, one), (2, two)])]).await;
        let answers = load(&rig).await;
        let all = u32::try_from(CLIENTS * EACH).unwrap();
        prop_assert_eq!(count(&answers, Some(Reason::Reset)), all);
        let retries = requests.load(SeqCst) - all;
        prop_assert!(retries <= all * percent / 100, "{retries} of {all} at {percent} %");
        prop_assert!(percent == 0 || retries > 0);
        Ok(())
    });
}

/// Once it is open, no worker lets a request through at its next pick.
#[test]
fn a_breaker_that_one_worker_opens_is_open_for_all() {
    check(1..10, |workers, consecutive| async move {
        let breaker = Breaker {
            consecutive,
            open_min: Duration::from_secs(3600),
            open_max: Duration::from_secs(3600),
            ..Breaker::default()
        };
        let policy = |policy: &mut Policy| (policy.breaker, policy.outlier) = (Some(breaker), None);
        let (rig, seen) = mesh(workers, "500 Internal Server Error", policy).await;
        let mut client = rig.client().await;
        for _ in 0..consecutive {
            client.send(GET).await;
            prop_assert_eq!(client.response().await.0, 500);
        }
        while rig.mesh.connections()[0].breaker != BreakerState::Open {
            tokio::task::yield_now().await;
        }
        let answers = load(&rig).await;
        prop_assert!(answers.iter().all(|answer| *answer == (503, Some(Reason::BreakerOpen))));
        prop_assert_eq!(seen.requests.load(SeqCst), consecutive);
        Ok(())
    });
}
