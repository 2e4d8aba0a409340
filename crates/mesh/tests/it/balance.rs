//! Which instance gets how much: what is new, what is left when most have failed, and how much all of them together.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use model::{
    Reason,
    spec::{AdaptiveConcurrency, Balance, Outlier},
};
use ports::{clock::FakeClock, traffic::Traffic};
use tokio::sync::Semaphore;

use crate::{long_lived::allow_descriptors, rig::*};

const GET: &str = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";
const HOUR: Duration = Duration::from_secs(3600);

async fn clocked() -> (Rig, Arc<FakeClock>) {
    let clock = Arc::<FakeClock>::default();
    clock.advance(Duration::from_secs(1_790_000_000));
    (Rig::with_clock(clock.clone(), |_| {}).await, clock)
}

/// How many of so many requests of one client each instance answers.
async fn shares(rig: &Rig, requests: usize) -> BTreeMap<String, usize> {
    let (mut client, mut shares) = (rig.client().await, BTreeMap::new());
    for _ in 0..requests {
        *shares.entry(client.get("/").await.1).or_default() += 1;
    }
    shares
}

/// So many clients, each with a request on its way.
async fn ask(rig: &Rig, count: u32) -> Vec<Conn> {
    let mut clients = Vec::new();
    for _ in 0..count {
        let mut client = rig.client().await;
        client.send(GET).await;
        clients.push(client);
    }
    clients
}

#[tokio::test]
async fn a_new_instance_comes_to_its_share_slowly() {
    let (mut rig, clock) = clocked().await;
    rig.policy.balance = Balance::RoundRobin;
    rig.policy.slow_start = Some(Duration::from_secs(100));
    let (old, new) = (rig.server(named("old")).await, rig.server(named("new")).await);
    rig.apply(&[("users", true, &[(1, old.clone())])]).await;
    clock.advance(Duration::from_secs(100));
    rig.apply(&[("users", true, &[(1, old), (2, new)])]).await;
    // A tenth of a share at first, then as much of it as of the time has passed.
    for (seconds, least, most) in [(0, 2, 20), (50, 25, 42), (50, 50, 50)] {
        clock.advance(Duration::from_secs(seconds));
        let taken = shares(&rig, 100).await.remove("new").unwrap_or_default();
        assert!((least..=most).contains(&taken), "{taken} of 100, not {least} to {most}");
    }
}

#[tokio::test]
async fn with_too_few_left_all_are_asked() {
    let servers = Rig::new().await;
    let failing = || async {
        let answer = "HTTP/1.1 500 Internal Server Error\r\ncontent-length: 6\r\n\r\nbroken";
        servers
            .server(move |mut conn| async move {
                while conn.request().await.is_some() {
                    conn.send(answer).await;
                }
            })
            .await
    };
    let instances = [(1, servers.server(named("good")).await), (2, failing().await), (3, failing().await)];
    for (percent, good) in [(0, 28), (33, 28), (34, 10), (50, 10)] {
        let (mut rig, _clock) = clocked().await;
        rig.policy.balance = Balance::RoundRobin;
        rig.policy.breaker = None;
        rig.policy.outlier = Some(Outlier { consecutive: 1, percent_max: 100, ..Outlier::default() });
        rig.policy.panic_percent = percent;
        rig.apply(&[("users", true, &instances)]).await;
        let expected = [("broken".into(), 30 - good), ("good".into(), good)].into();
        assert_eq!(shares(&rig, 30).await, expected, "panic_percent = {percent}");
    }
}

#[tokio::test]
async fn least_request_goes_where_fewer_are_in_flight() {
    let rig = Rig::with(|policy| policy.balance = Balance::LeastRequest).await;
    let gate = Arc::new(Semaphore::new(0));
    let [one, other] = [rig.server(gated(&gate)).await, rig.server(gated(&gate)).await];
    rig.apply(&[("users", true, &[(1, one.clone())])]).await;
    let mut clients = ask(&rig, 3).await;
    rig.until_in_flight(&id("users", 1), 3).await;
    rig.apply(&[("users", true, &[(1, one), (2, other)])]).await;
    for count in 1..=3 {
        clients.extend(ask(&rig, 1).await);
        rig.until_in_flight(&id("users", 2), count).await;
    }
    gate.add_permits(clients.len());
    for client in &mut clients {
        assert_eq!(client.response().await.0, 200);
    }
}

#[tokio::test]
async fn with_nothing_in_flight_least_request_shares() {
    let servers = Rig::new().await;
    let instances = [(1, servers.server(named("one")).await), (2, servers.server(named("other")).await)];
    let rig = Rig::with(|policy| policy.balance = Balance::LeastRequest).await;
    rig.apply(&[("users", true, &instances)]).await;
    let shares = shares(&rig, 200).await;
    // By chance it is further off once in a million runs.
    assert!(shares.len() == 2 && shares.values().all(|share| (65..=135).contains(share)), "{shares:?}");
}

/// The clock is the test's: a request takes as long as it says.
#[tokio::test]
async fn latency_lowers_the_limit_and_what_is_beyond_is_told_so() {
    const MANY: u32 = 150;
    allow_descriptors();
    let (mut rig, clock) = clocked().await;
    (rig.policy.timeout, rig.policy.queue) = (HOUR, 0);
    let gate = Arc::new(Semaphore::new(20));
    let target = rig.server(gated(&gate)).await;
    rig.apply(&[("users", true, &[(1, target)])]).await;
    let limit = || rig.mesh.connections()[0].concurrency_limit.expect("it is limited");
    let first = limit();
    let mut client = rig.client().await;
    for _ in 0..20 {
        clock.advance(Duration::from_millis(20));
        assert_eq!(client.get("/").await.0, 200);
    }
    assert_eq!(limit(), first, "nothing is in the way");
    let mut clients = ask(&rig, MANY).await;
    rig.until_in_flight(&id("users", 1), MANY).await;
    clock.advance(Duration::from_secs(1));
    gate.add_permits(MANY as usize);
    for client in &mut clients {
        assert_eq!(client.response().await.0, 200);
    }
    rig.until_in_flight(&id("users", 1), 0).await;
    let lower = limit();
    assert!((20..first).contains(&lower), "{lower}, not below {first}");
    let mut clients = ask(&rig, lower).await;
    rig.until_in_flight(&id("users", 1), lower).await;
    let problem = rig.client().await.problem(GET).await;
    assert_eq!((problem.reason.as_str(), problem.status), (Reason::Overloaded.code(), 503));
    assert_eq!(problem.detail, format!("{lower} in flight, and 0 wait"));
    gate.add_permits(clients.len());
    for client in &mut clients {
        assert_eq!(client.response().await.0, 200);
    }
}

#[tokio::test]
async fn the_limit_of_latency_stays_within_its_bounds() {
    use AdaptiveConcurrency::{Switch, Within};
    let rig = Rig::with(|policy| policy.queue = 0).await;
    let gate = Arc::new(Semaphore::new(0));
    let target = rig.server(gated(&gate)).await;
    let mut routing = rig.routing(&[("users", true, &[(1, target)])]);
    for (adaptive, limit) in [
        (Switch(true), Some(200)),
        (Within { min: 2, max: 4 }, Some(4)),
        (Within { min: 6, max: 9 }, Some(6)),
        (Switch(true), Some(20)),
        (Switch(false), None),
        (Within { min: 1, max: 3 }, Some(3)),
    ] {
        let users = routing.services.get_mut(&"users".parse().unwrap()).unwrap();
        Arc::make_mut(users).adaptive_concurrency = adaptive;
        rig.mesh.apply(routing.clone()).await;
        assert_eq!(rig.mesh.connections()[0].concurrency_limit, limit, "{adaptive:?}");
    }
    let mut clients = ask(&rig, 3).await;
    rig.until_in_flight(&id("users", 1), 3).await;
    let all = rig.mesh.connections();
    assert!(all.len() > 1 && all.iter().all(|figures| figures.concurrency == 3), "of all that call it: {all:?}");
    let problem = rig.client().await.problem(GET).await;
    assert_eq!((problem.reason.as_str(), problem.status), (Reason::Overloaded.code(), 503));
    assert_eq!(problem.detail, "3 in flight, and 0 wait");
    gate.add_permits(clients.len());
    for client in &mut clients {
        assert_eq!(client.response().await.0, 200);
    }
}

/// What is not repeated is no retry, so only the average can keep it away.
#[tokio::test]
async fn who_fails_at_once_does_not_look_fast() {
    let rig = Rig::with(|policy| (policy.breaker, policy.outlier) = (None, None)).await;
    let resets = rig.server(|mut conn| async move { drop(conn.request_head().await) }).await;
    let mut instances = vec![(1, resets)];
    for run in 2..=4 {
        instances.push((run, rig.server(named("good")).await));
    }
    rig.apply(&[("users", true, &instances)]).await;
    let mut failed = 0;
    for _ in 0..400 {
        let mut client = rig.client().await;
        client.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\n\r\na").await;
        failed += u32::from(client.response().await.0 == Reason::Reset.status());
    }
    // A fair share is a hundred; who looks fast gets about 185.
    assert!((1..100).contains(&failed), "{failed}");
}

#[tokio::test]
async fn who_is_slow_with_a_request_says_nothing_of_the_instance() {
    let clock = Arc::<FakeClock>::default();
    clock.advance(Duration::from_secs(1_790_000_000));
    let rig = Rig::with_clock(clock.clone(), |config| config.workers = 1).await;
    let (one, two) = (rig.server(named("one")).await, rig.server(named("two")).await);
    rig.apply(&[("users", true, &[(1, one), (2, two)])]).await;
    let in_flight = || rig.mesh.in_flight(&id("users", 1)) + rig.mesh.in_flight(&id("users", 2));
    let until = async |count| {
        while in_flight() != count {
            tokio::task::yield_now().await;
        }
    };
    let mut client = rig.client().await;
    client.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nabc").await;
    tokio::time::timeout(PATIENCE, until(1)).await.unwrap();
    let asked = if rig.mesh.in_flight(&id("users", 1)) == 1 { "one" } else { "two" };
    clock.advance(Duration::from_secs(4));
    drop(client);
    tokio::time::timeout(PATIENCE, until(0)).await.unwrap();
    let shares = shares(&rig, 200).await;
    assert!(shares.get(asked).is_some_and(|share| *share > 40), "{asked} of {shares:?}");
}

/// A rig whose service has answered so many requests at once, and answers no more.
async fn stalled(hedge: bool, answered: u32) -> Rig {
    let rig = Rig::with(|policy| {
        (policy.breaker, policy.outlier, policy.timeout) = (None, None, Duration::from_secs(1));
        policy.hedge = hedge;
    })
    .await;
    let gate = Arc::new(Semaphore::new(answered as usize));
    let target = rig.server(gated(&gate)).await;
    let mut routing = rig.routing(&[("users", true, &[(1, target)])]);
    let users = routing.services.get_mut(&"users".parse().unwrap()).unwrap();
    Arc::make_mut(users).adaptive_concurrency = AdaptiveConcurrency::Within { min: 1, max: LIMIT };
    rig.mesh.apply(routing).await;
    // Of each worker.
    let mut clients = Vec::new();
    for _ in 0..8 {
        clients.push(rig.client().await);
    }
    for number in 0..answered as usize {
        clients[number % 8].get("/").await;
    }
    rig
}

const LIMIT: u32 = 20;

/// Asks for more than half of what may be in flight, and waits in vain.
async fn time_out(rig: &Rig) {
    for client in &mut ask(rig, 15).await {
        assert_eq!(client.response().await.0, Reason::Timeout.status());
    }
}

#[tokio::test]
async fn requests_that_time_out_lower_the_limit() {
    let rig = stalled(false, 30).await;
    let lowered = async {
        while rig.mesh.connections()[0].concurrency_limit == Some(LIMIT) {
            time_out(&rig).await;
        }
    };
    tokio::time::timeout(PATIENCE, lowered).await.expect("a lower limit");
}

/// More than one in twenty would be usual, and hedged no more.
#[tokio::test]
async fn so_do_hedged_ones() {
    let rig = stalled(true, 1600).await;
    for _ in 0..2 {
        time_out(&rig).await;
    }
    assert!(rig.mesh.connections()[0].concurrency_limit < Some(LIMIT));
}
