//! What a policy asks for beside timeouts and retries: rates, breakers, outliers, bounds, balance.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
};

use model::{
    Reason,
    figures::BreakerState,
    spec::{Balance, Breaker, ConnectionLimits, HashKey, Outlier, Policy, Rate},
};
use ports::{
    clock::FakeClock,
    traffic::{GatewayRouting, Target, Traffic},
};

use crate::{http2_client, rig::*};

const GET: &str = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";

type Script = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;

/// Answers every request with a status, and with its name.
fn answers(status: &'static str, name: &'static str) -> impl Fn(Conn) -> Script {
    move |mut conn| {
        Box::pin(async move {
            while conn.request().await.is_some() {
                conn.send(&format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{name}", name.len())).await;
            }
        })
    }
}

async fn rig_with(policy: impl FnOnce(&mut Policy), instances: &[Target]) -> Rig {
    let made = Rig::with(policy).await;
    let instances: Vec<_> = instances.iter().zip(1..).map(|(target, run)| (run, target.clone())).collect();
    made.apply(&[("users", true, &instances)]).await;
    made
}

/// A request is counted once its answer is out.
async fn until_breaker(rig: &Rig, state: BreakerState) {
    while rig.mesh.connections()[0].breaker != state {
        tokio::task::yield_now().await;
    }
}

/// The names that answer so many requests of one client.
async fn names(client: &mut Conn, requests: usize, request: impl Fn(usize) -> String) -> Vec<String> {
    let mut names = Vec::new();
    for number in 0..requests {
        client.send(&request(number)).await;
        names.push(String::from_utf8(client.response().await.2).unwrap());
    }
    names
}

fn counted(names: Vec<String>) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    names.into_iter().for_each(|name| *counts.entry(name).or_default() += 1);
    counts
}

#[tokio::test]
async fn a_rate_is_kept_and_says_when_to_come_again() {
    let servers = Rig::new().await;
    let target = servers.server(answers("200 OK", "one")).await;
    let rate = |policy: &mut Policy| {
        policy.rate = Some(Rate { requests: 1, per: std::time::Duration::from_secs(1), burst: 3 });
    };
    let rig = rig_with(rate, &[target]).await;
    let mut client = rig.client().await;
    for _ in 0..3 {
        assert_eq!(client.get("/").await.0, 200);
    }
    client.send(GET).await;
    let (status, head, _) = client.response().await;
    assert_eq!(status, 429);
    assert!(head.contains("retry-after: 1\r\n") && head.contains("x-isles-reason: rate-limited\r\n"), "{head}");
}

#[tokio::test]
async fn a_breaker_opens_for_every_worker_and_a_probe_closes_it() {
    let servers = Rig::new().await;
    let broken = servers.server(answers("500 Internal Server Error", "broken")).await;
    let breaker = Breaker { consecutive: 3, open_min: std::time::Duration::from_millis(50), ..Breaker::default() };
    let clock = Arc::<FakeClock>::default();
    clock.advance(std::time::Duration::from_secs(1_790_000_000));
    let mut rig = Rig::with_clock(clock.clone(), |_| {}).await;
    rig.policy.breaker = Some(breaker);
    rig.apply(&[("users", true, &[(1, broken)])]).await;
    let mut client = rig.client().await;
    for _ in 0..3 {
        assert_eq!(client.get("/").await.0, 500);
    }
    until_breaker(&rig, BreakerState::Open).await;
    for _ in 0..8 {
        let problem = rig.client().await.problem(GET).await;
        assert_eq!(
            (problem.reason.as_str(), problem.connection.as_deref()),
            ("breaker-open", Some("gateway -> users"))
        );
        assert!(problem.detail.contains("; come again in "), "{}", problem.detail);
    }
    let failures = rig.mesh.failures(&"users".parse().unwrap());
    let told = failures.iter().filter(|failure| failure.reason == Some(Reason::BreakerOpen)).count();
    assert_eq!(told, 1, "told, but not each");
    let healed = servers.server(answers("200 OK", "healed")).await;
    rig.apply(&[("users", true, &[(2, healed)])]).await;
    let mut client = rig.client().await;
    while client.get("/").await.0 == 503 {
        clock.advance(std::time::Duration::from_millis(50));
    }
    until_breaker(&rig, BreakerState::Closed).await;
}

#[tokio::test]
async fn one_of_two_that_fails_is_ejected_and_the_last_never() {
    let servers = Rig::new().await;
    let good = servers.server(answers("200 OK", "good")).await;
    let broken = servers.server(answers("500 Internal Server Error", "broken")).await;
    let policy = |policy: &mut Policy| {
        policy.balance = Balance::RoundRobin;
        policy.breaker = None;
        policy.outlier = Some(Outlier { consecutive: 2, ..Outlier::default() });
    };
    let rig = rig_with(policy, &[good, broken.clone()]).await;
    let mut client = rig.client().await;
    let counts = counted(names(&mut client, 20, |_| GET.into()).await);
    assert_eq!(counts, [("broken".into(), 2), ("good".into(), 18)].into());
    assert_eq!(rig.mesh.connections()[0].ejected, [id("users", 2)]);

    let alone = rig_with(policy, &[broken]).await;
    let mut client = alone.client().await;
    let counts = counted(names(&mut client, 20, |_| GET.into()).await);
    assert_eq!(counts, [("broken".into(), 20)].into());
    assert!(alone.mesh.connections()[0].ejected.is_empty());
}

#[tokio::test]
async fn who_has_no_rule_leaves_no_instance_out() {
    let rig = Rig::with(|policy| {
        (policy.balance, policy.breaker) = (Balance::RoundRobin, None);
        policy.outlier = Some(Outlier { consecutive: 2, ..Outlier::default() });
    })
    .await;
    let good = rig.server(answers("200 OK", "good")).await;
    let broken = rig.server(answers("500 Internal Server Error", "broken")).await;
    let mut routing = rig.routing(&[("users", true, &[(1, good), (2, broken)])]);
    let connection = Arc::make_mut(&mut routing.connections).get_mut(&CONNECTION).unwrap();
    connection.policy = Arc::new(Policy { outlier: None, ..rig.policy.clone() });
    rig.mesh.apply(routing).await;
    let all = counted(names(&mut rig.client().await, 20, |_| GET.into()).await);
    assert_eq!(all, [("broken".into(), 2), ("good".into(), 18)].into());
    let all = counted(names(&mut rig.caller().await, 20, |_| GET.into()).await);
    assert_eq!(all, [("broken".into(), 10), ("good".into(), 10)].into());
    let ejected = rig.mesh.connections().into_iter().map(|figures| (figures.caller, figures.ejected));
    assert_eq!(ejected.collect::<Vec<_>>(), [("gateway".into(), vec![id("users", 2)]), ("orders".into(), Vec::new())]);
}

#[tokio::test]
async fn balance_is_what_the_policy_says() {
    let servers = Rig::new().await;
    let mut targets = Vec::new();
    for name in ["a", "b", "c"] {
        targets.push(servers.server(answers("200 OK", name)).await);
    }
    let hash = |key| Balance::Hash { key, load_percent_max: 1000 };
    for (balance, request, expected) in [
        (Balance::RoundRobin, "x: {}", &[10, 10, 10][..]),
        (Balance::Weighted { weights: vec![4, 1] }, "x: {}", &[20, 5, 5]),
        (hash(HashKey::Header("x".into())), "X: same", &[30]),
        (hash(HashKey::Cookie("sid".into())), "cookie: a={}; sid=same", &[30]),
        (hash(HashKey::Path), "x: {}", &[30]),
    ] {
        let rig = rig_with(|policy| policy.balance = balance.clone(), &targets).await;
        let mut client = rig.client().await;
        let request = |number: usize| {
            format!("GET / HTTP/1.1\r\nhost: a\r\n{}\r\n\r\n", request.replace("{}", &number.to_string()))
        };
        let mut counts: Vec<_> = counted(names(&mut client, 30, request).await).into_values().collect();
        counts.sort_by_key(|count| std::cmp::Reverse(*count));
        assert_eq!(counts, expected, "{balance:?}");
    }
}

#[tokio::test]
async fn requests_without_a_key_go_to_all() {
    let servers = Rig::new().await;
    let mut targets = Vec::new();
    for name in ["a", "b", "c"] {
        targets.push(servers.server(answers("200 OK", name)).await);
    }
    for key in [HashKey::Header("x".into()), HashKey::Cookie("sid".into())] {
        let balance = Balance::Hash { key, load_percent_max: 1000 };
        let rig = rig_with(|policy| policy.balance = balance.clone(), &targets).await;
        let mut client = rig.client().await;
        let mut seen = std::collections::BTreeSet::new();
        // Each has a third or so: none is missing after a thousand.
        for _ in 0..1000 {
            seen.extend(names(&mut client, 1, |_| GET.into()).await);
            if seen.len() == 3 {
                break;
            }
        }
        assert_eq!(seen.len(), 3, "{balance:?}");
    }
}

#[tokio::test]
async fn no_more_are_in_flight_than_allowed_and_the_others_wait() {
    let servers = Rig::new().await;
    let (inside, most) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let seen = (inside.clone(), most.clone());
    let target = servers
        .server(move |mut conn: Conn| {
            let (inside, most) = seen.clone();
            async move {
                while conn.request().await.is_some() {
                    most.fetch_max(inside.fetch_add(1, SeqCst) + 1, SeqCst);
                    for _ in 0..20 {
                        tokio::task::yield_now().await;
                    }
                    inside.fetch_sub(1, SeqCst);
                    conn.send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
                }
            }
        })
        .await;
    let rig = rig_with(|policy| policy.in_flight_max = 3, &[target]).await;
    let mut clients = Vec::new();
    for _ in 0..12 {
        let mut client = rig.client().await;
        client.send(GET).await;
        clients.push(client);
    }
    for mut client in clients {
        assert_eq!(client.response().await.0, 200);
    }
    assert!((1..=3).contains(&most.load(SeqCst)), "{most:?}");
}

#[tokio::test]
async fn a_full_queue_is_overload() {
    let servers = Rig::new().await;
    let target = servers.server(|mut conn: Conn| async move { while conn.request().await.is_some() {} }).await;
    let policy = |policy: &mut Policy| {
        policy.in_flight_max = 1;
        policy.queue = 1;
    };
    let rig = rig_with(policy, &[target]).await;
    let (mut first, mut second) = (rig.client().await, rig.client().await);
    first.send(GET).await;
    rig.until_in_flight(&id("users", 1), 1).await;
    second.send(GET).await;
    while rig.mesh.connections()[0].queued == 0 {
        tokio::task::yield_now().await;
    }
    let problem = rig.client().await.problem(GET).await;
    assert_eq!((problem.reason.as_str(), problem.status), ("overloaded", 503));
    assert!(problem.hint.contains("`queue`"), "{}", problem.hint);
}

#[tokio::test]
async fn too_many_connections_are_told_so() {
    let rig = Rig::new().await;
    let target = rig.server(answers("200 OK", "one")).await;
    let mut routing = rig.routing(&[("users", true, &[(1, target)])]);
    let limits = ConnectionLimits { total: 2, per_peer: 2 };
    let gateway = GatewayRouting { connections: limits, ..GatewayRouting::clone(routing.gateway.as_ref().unwrap()) };
    routing.gateway = Some(Arc::new(gateway));
    rig.mesh.apply(routing).await;
    let (mut first, mut second) = (rig.client().await, rig.client().await);
    assert_eq!((first.get("/").await.0, second.get("/").await.0), (200, 200));
    let problem = rig.client().await.problem("").await;
    assert_eq!(problem.reason, Reason::TooManyConnections.code());
    assert_eq!(first.get("/").await.0, 200);
    drop(second);
    while rig.client().await.try_get("/").await != Some(200) {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn what_takes_unusually_long_is_asked_of_another_instance_too() {
    let servers = Rig::new().await;
    let frozen = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let freezes = frozen.clone();
    let first = servers
        .server(move |mut conn: Conn| {
            let frozen = freezes.clone();
            async move {
                while conn.request().await.is_some() {
                    if frozen.load(SeqCst) {
                        std::future::pending::<()>().await;
                    }
                    conn.send("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nfirst").await;
                }
            }
        })
        .await;
    let second = servers.server(answers("200 OK", "second")).await;
    let policy = |policy: &mut Policy| {
        policy.hedge = true;
        policy.balance = Balance::RoundRobin;
    };
    let rig = rig_with(policy, &[first, second]).await;
    let (mut client, mut sender) = (rig.client().await, http2_client::connect(&rig, rig.gateway).await);
    assert_eq!(names(&mut client, 200, |_| GET.into()).await.len(), 200);
    assert_eq!(names_over_http2(&mut sender, 200).await.len(), 200);
    frozen.store(true, SeqCst);
    let mut expected = 0;
    for over_http2 in [false, true] {
        let names = match over_http2 {
            false => names(&mut client, 10, |_| GET.into()).await,
            true => names_over_http2(&mut sender, 10).await,
        };
        assert_eq!(counted(names), [("second".into(), 10)].into(), "{over_http2}");
        expected += 5;
        while rig.mesh.connections()[0].hedges < expected {
            tokio::task::yield_now().await;
        }
        // Who lost the race is no longer asked.
        rig.until_in_flight(&id("users", 1), 0).await;
    }
}

async fn names_over_http2(sender: &mut http2_client::Sender, count: usize) -> Vec<String> {
    let mut names = Vec::new();
    for _ in 0..count {
        let (_, _, body) = http2_client::send(sender, http2_client::request("GET", "/", "")).await;
        names.push(String::from_utf8(body).unwrap());
    }
    names
}

/// Programs pass on what is left of their own time, so their callee never has all of the policy's.
#[tokio::test]
async fn a_deadline_of_a_caller_blames_the_callee_if_it_gave_time_enough() {
    let servers = Rig::new().await;
    let silent = servers.server(|mut conn: Conn| async move { while conn.request().await.is_some() {} }).await;
    let policy = |policy: &mut Policy| {
        policy.timeout = std::time::Duration::from_millis(200);
        policy.breaker = Some(Breaker { consecutive: 3, ..Breaker::default() });
        policy.outlier = Some(Outlier { consecutive: 3, ..Outlier::default() });
    };
    for (caller, millis, blamed) in [("gateway", 150, false), ("orders", 50, false), ("orders", 150, true)] {
        let rig = rig_with(policy, &[silent.clone(), silent.clone()]).await;
        for _ in 0..6 {
            let mut client = if caller == "gateway" { rig.client().await } else { rig.caller().await };
            let request = format!("GET / HTTP/1.1\r\nhost: a\r\ngrpc-timeout: {millis}m\r\n\r\n");
            let reason = client.problem(&request).await.reason;
            assert!(reason == "deadline-exceeded" || blamed && reason == "breaker-open", "{reason}");
        }
        let figures = || rig.mesh.connections().into_iter().find(|one| one.caller == caller).unwrap();
        while figures().outcomes.failed < 6 {
            tokio::task::yield_now().await;
        }
        assert_eq!(figures().breaker == BreakerState::Open, blamed, "{caller} {millis}");
    }
}

#[tokio::test]
async fn a_silent_instance_is_ejected_whoever_gives_up_first() {
    let servers = Rig::new().await;
    let silent = servers.server(|mut conn: Conn| async move { while conn.request().await.is_some() {} }).await;
    let good = servers.server(answers("200 OK", "good")).await;
    let policy = |policy: &mut Policy| {
        policy.timeout = std::time::Duration::from_secs(1);
        policy.balance = Balance::RoundRobin;
        policy.outlier = Some(Outlier { consecutive: 1, ..Outlier::default() });
    };
    let rig = rig_with(policy, &[silent, good]).await;
    let request = "GET / HTTP/1.1\r\nhost: a\r\nx-isles-timeout-ms: 600\r\n\r\n";
    let mut caller = rig.caller().await;
    for _ in 0..2 {
        caller.send(request).await;
        caller.response().await;
    }
    let figures = rig.mesh.connections().into_iter().find(|one| one.caller == "orders").unwrap();
    assert_eq!(figures.ejected, [id("users", 1)]);
}

#[tokio::test]
async fn who_waits_for_room_is_told_how_long_it_waited() {
    let servers = Rig::new().await;
    let silent = servers.server(|mut conn: Conn| async move { while conn.request().await.is_some() {} }).await;
    let rig = rig_with(|policy| policy.in_flight_max = 1, &[silent]).await;
    let mut first = rig.client().await;
    first.send(GET).await;
    rig.until_in_flight(&id("users", 1), 1).await;
    let problem = rig.client().await.problem("GET / HTTP/1.1\r\nhost: a\r\ngrpc-timeout: 50m\r\n\r\n").await;
    assert_eq!((problem.reason.as_str(), problem.status), (Reason::DeadlineExceeded.code(), 504));
    assert!(problem.detail.starts_with("1 in flight, waited ") && problem.detail.ends_with("ms"), "{}", problem.detail);
}
