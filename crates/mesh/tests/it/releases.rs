//! A policy for each of two releases of a caller: `orders/1` is of the old one, `orders/2` of the new one.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    sync::{Arc, atomic::Ordering::SeqCst},
    time::Duration,
};

use model::{
    ByteSize,
    figures::BreakerState,
    spec::{Balance, Breaker, Outlier, Policy, Rate},
};
use ports::traffic::{Caller, Connection, Routing, Target, Traffic};
use tokio::{net::TcpStream, sync::Semaphore};

use crate::rig::*;

const NEW: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
const GET: &str = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";
const POST: &str = "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nabcde";

/// A mesh whose callers are of two releases.
struct Two {
    rig: Rig,
    new: SocketAddr,
    routing: Routing,
}

fn policy(change: impl FnOnce(&mut Policy)) -> Policy {
    let mut policy = Policy { outlier: None, ..Policy::default() };
    change(&mut policy);
    policy
}

impl Two {
    async fn start(old: Policy, new: Policy) -> Self {
        let rig = Rig::start(|policy| *policy = old, |config| config.workers = 1).await;
        let socket = TcpListener::bind((NEW, 0)).unwrap();
        let (address, mut routing) = (socket.local_addr().unwrap(), rig.routing(&[("users", true, &[])]));
        rig.mesh.listen_connections(socket.into()).await.unwrap();
        let connection = Connection { policy: Arc::new(new), ..routing.connections[&CONNECTION].clone() };
        connections(&mut routing)
            .insert(NEW, Connection { caller: Caller::Slot("orders/2".parse().unwrap()), ..connection });
        Self { rig, new: address, routing }
    }

    /// With these instances.
    async fn serving(mut self, targets: &[Target]) -> Self {
        self.serve(targets).await;
        self
    }

    async fn serve(&mut self, targets: &[Target]) {
        let instances: Vec<_> = (1..).zip(targets.iter().cloned()).collect();
        self.routing.services = self.rig.routing(&[("users", true, &instances)]).services;
        self.apply().await;
    }

    async fn apply(&self) {
        self.rig.mesh.apply(self.routing.clone()).await;
    }

    async fn new_caller(&self) -> Conn {
        Conn::new(TcpStream::connect(self.new).await.unwrap())
    }

    /// One of each release, the old one first.
    async fn callers(&self) -> [Conn; 2] {
        [self.rig.caller().await, self.new_caller().await]
    }
}

fn connections(routing: &mut Routing) -> &mut BTreeMap<Ipv4Addr, Connection> {
    Arc::make_mut(&mut routing.connections)
}

/// Answers `/` at once, and anything else when the gate lets it.
async fn gated_but_root(rig: &Rig) -> (Target, Arc<Semaphore>) {
    let gate = Arc::new(Semaphore::new(0));
    let opens = gate.clone();
    let script = move |mut conn: Conn| {
        let gate = opens.clone();
        async move {
            while let Some((head, _)) = conn.request().await {
                if !head.starts_with("GET / ") {
                    gate.acquire().await.unwrap().forget();
                }
                conn.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
            }
        }
    };
    (rig.server(script).await, gate)
}

const SLOW: &str = "GET /slow HTTP/1.1\r\nhost: a\r\n\r\n";

/// Whichever address is the lower one.
#[tokio::test]
async fn each_release_has_its_own_timeout_at_the_same_time() {
    for impatient in [0, 1] {
        let of = |release| {
            policy(|policy| policy.timeout = Duration::from_millis([30_000, 50][usize::from(release == impatient)]))
        };
        let two = Two::start(of(0), of(1)).await;
        let (target, gate) = gated_but_root(&two.rig).await;
        let two = two.serving(&[target]).await;
        let mut callers = two.callers().await;
        callers[1 - impatient].send(SLOW).await;
        two.rig.until_in_flight(&id("users", 1), 1).await;
        let problem = callers[impatient].problem(SLOW).await;
        assert_eq!((problem.reason.as_str(), problem.detail.as_str()), ("timeout", "no response head within 50ms"));
        let label = format!("orders/{} -> users", impatient + 1);
        assert_eq!(problem.connection, Some(label));
        gate.add_permits(9);
        assert_eq!(callers[1 - impatient].response().await.0, 200, "the other one waits for as long as its own says");
    }
}

#[tokio::test]
async fn retries_balance_and_limits_are_those_of_the_release() {
    let old = policy(|policy| (policy.retries, policy.balance) = (0, Balance::RoundRobin));
    let new = policy(|policy| {
        (policy.retries, policy.balance) = (1, Balance::Weighted { weights: vec![3, 1] });
        policy.limits.body = Some(ByteSize(4));
    });
    let two = Two::start(old, new).await;
    let mut targets = Vec::new();
    for name in ["a", "b"] {
        targets.push(two.rig.server(named(name)).await);
    }
    let mut two = two.serving(&targets).await;
    let [mut old, mut new] = two.callers().await;
    old.send(POST).await;
    assert_eq!(old.response().await.0, 200);
    assert_eq!(new.problem(POST).await.reason, "body-too-large");
    let mut counts = [0; 2];
    let mut new = two.new_caller().await;
    for _ in 0..40 {
        for (conn, count) in [&mut old, &mut new].into_iter().zip(&mut counts) {
            *count += u32::from(conn.get("/").await.1 == "a");
        }
    }
    assert!(counts[0] == 20 && (28..=32).contains(&counts[1]), "in turn, and three of four: {counts:?}");
    two.serve(&[nowhere(), nowhere()]).await;
    for (conn, tried) in [(&mut old, 1), (&mut new, 2)] {
        assert_eq!(conn.problem(GET).await.instances.len(), tried);
    }
}

#[tokio::test]
async fn what_is_in_flight_is_bounded_in_sum() {
    let of = |timeout| policy(|policy| (policy.in_flight_max, policy.timeout) = (2, Duration::from_secs(timeout)));
    let two = Two::start(of(60), of(61)).await;
    let (target, gate) = gated_but_root(&two.rig).await;
    let two = two.serving(&[target]).await;
    let mut inside = two.callers().await;
    for conn in &mut inside {
        conn.send(SLOW).await;
    }
    two.rig.until_in_flight(&id("users", 1), 2).await;
    let mut waiting = two.callers().await;
    for conn in &mut waiting {
        conn.send(SLOW).await;
    }
    until(&two, |figures| (figures.in_flight, figures.queued) == (2, 2)).await;
    gate.add_permits(4);
    for mut conn in inside.into_iter().chain(waiting) {
        assert_eq!(conn.response().await.0, 200);
    }
}

/// Waits until the figures of `orders -> users` are so.
async fn until(two: &Two, is_so: impl Fn(&model::figures::ConnectionFigures) -> bool) {
    let reached = async {
        while !is_so(&two.rig.mesh.connections()[1]) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, reached).await.expect("the figures become so");
}

#[tokio::test]
async fn a_stricter_release_keeps_nobody_but_itself_waiting() {
    let of = |most| policy(|policy| policy.in_flight_max = most);
    let two = Two::start(of(3), of(1)).await;
    let (target, gate) = gated_but_root(&two.rig).await;
    let two = two.serving(&[target]).await;
    let mut first = two.rig.caller().await;
    first.send(SLOW).await;
    two.rig.until_in_flight(&id("users", 1), 1).await;
    let mut strict = two.new_caller().await;
    strict.send(SLOW).await;
    until(&two, |figures| figures.queued == 1).await;
    let [mut second, mut third] = [two.rig.caller().await, two.rig.caller().await];
    second.send(SLOW).await;
    third.send(SLOW).await;
    two.rig.until_in_flight(&id("users", 1), 3).await;
    assert_eq!(two.rig.mesh.connections()[1].queued, 1, "the strict one still waits");
    gate.add_permits(4);
    for mut conn in [first, second, third, strict] {
        assert_eq!(conn.response().await.0, 200);
    }
}

#[tokio::test]
async fn the_rate_of_one_release_refuses_nothing_of_the_other() {
    let of = |burst| policy(|policy| policy.rate = Some(Rate { requests: 1, per: Duration::from_secs(3600), burst }));
    let two = Two::start(of(4), of(2)).await;
    let target = two.rig.server(echo).await;
    let two = two.serving(&[target]).await;
    let [mut old, mut new] = two.callers().await;
    for _ in 0..2 {
        assert_eq!(new.get("/").await.0, 200);
    }
    assert_eq!(new.problem(GET).await.reason, "rate-limited");
    for _ in 0..2 {
        assert_eq!(old.get("/").await.0, 200);
    }
    assert_eq!(old.problem(GET).await.reason, "rate-limited", "four in sum");
}

/// What is a failure is up to the policy: a timeout of the new release says nothing of the old one's calls.
#[tokio::test]
async fn a_release_that_fails_opens_its_own_breaker() {
    let breaker = Breaker { consecutive: 2, open_min: Duration::from_secs(600), ..Breaker::default() };
    let of =
        |millis| policy(|policy| (policy.timeout, policy.breaker) = (Duration::from_millis(millis), Some(breaker)));
    let two = Two::start(of(30_000), of(20)).await;
    let (target, _) = gated_but_root(&two.rig).await;
    let mut two = two.serving(&[target]).await;
    let [mut old, mut new] = two.callers().await;
    for _ in 0..2 {
        assert_eq!(new.problem(SLOW).await.reason, "timeout");
    }
    until(&two, |figures| figures.breaker == BreakerState::Open).await;
    assert_eq!(new.problem(GET).await.reason, "breaker-open");
    assert_eq!(old.get("/").await.0, 200);
    // Taken back, then the same once more: what the one before did is no evidence against it.
    let taken_back = connections(&mut two.routing).remove(&NEW).unwrap();
    two.apply().await;
    assert_eq!(two.rig.mesh.connections()[1].breaker, BreakerState::Closed);
    connections(&mut two.routing).insert(NEW, taken_back);
    two.apply().await;
    assert_ne!(two.new_caller().await.problem(SLOW).await.reason, "breaker-open");
}

#[tokio::test]
async fn a_connection_is_counted_once_whatever_its_policies() {
    let of = |timeout| policy(|policy| policy.timeout = Duration::from_secs(timeout));
    let two = Two::start(of(60), of(61)).await;
    let target = two.rig.server(echo).await;
    let mut two = two.serving(&[target]).await;
    let [mut old, mut new] = two.callers().await;
    for _ in 0..3 {
        assert_eq!((old.get("/").await.0, new.get("/").await.0), (200, 200));
    }
    until(&two, |figures| figures.requests == 6).await;
    let names: Vec<_> = two.rig.mesh.connections().into_iter().map(|figures| figures.connection).collect();
    assert_eq!(names, ["gateway -> users", "orders -> users"]);
    connections(&mut two.routing).remove(&CONNECTION);
    two.apply().await;
    assert_eq!(new.get("/").await.0, 200);
    until(&two, |figures| figures.requests == 7 && figures.latency.count == 7).await;
}

#[tokio::test]
async fn a_promotion_touches_nothing_of_the_release_that_stays() {
    let of = |timeout| policy(|policy| policy.timeout = Duration::from_secs(timeout));
    let two = Two::start(of(60), of(61)).await;
    let (target, connected) = counting(&two.rig).await;
    let mut two = two.serving(&[target]).await;
    let [mut websocket, mut kept] = [two.new_caller().await, two.new_caller().await];
    websocket.send(UPGRADE).await;
    assert_eq!(websocket.response_head("GET").await.0, 101);
    assert_eq!(kept.get("/").await.0, 200);
    let before = connected.load(SeqCst);
    let next = policy(|policy| policy.retries = 0);
    let changes: [fn(&mut Routing, Policy); 3] = [
        |routing, _| drop(connections(routing).remove(&CONNECTION)),
        |routing, next| connections(routing).get_mut(&NEW).unwrap().policy = Arc::new(next),
        |routing, _| {
            let another = Connection { policy: Arc::default(), ..connections(routing)[&NEW].clone() };
            connections(routing).insert(Ipv4Addr::new(127, 0, 0, 3), another);
        },
    ];
    for change in changes {
        change(&mut two.routing, next.clone());
        two.apply().await;
        websocket.send("ping").await;
        assert_eq!(websocket.exactly(4).await, b"ping");
        assert_eq!(kept.get("/").await.0, 200);
    }
    assert_eq!(connected.load(SeqCst), before, "no connection to the instance was made anew");
}

/// Those of both are held, and picked for with what comes.
#[tokio::test]
async fn requests_of_both_that_were_held_are_balanced_among_those_that_have_come() {
    let old = policy(|policy| policy.balance = Balance::Weighted { weights: vec![2] });
    let new = policy(|policy| policy.balance = Balance::RoundRobin);
    let mut two = Two::start(old, new).await;
    let target = two.rig.server(echo).await;
    two.routing.services = two.rig.routing(&[("users", false, &[])]).services;
    two.apply().await;
    let mut callers = two.callers().await;
    for conn in &mut callers {
        conn.send(GET).await;
    }
    until(&two, |figures| figures.queued == 2).await;
    two.serve(&[target]).await;
    for mut conn in callers {
        assert_eq!(conn.response().await.0, 200);
    }
}

/// Whichever address is the lower one.
#[tokio::test]
async fn figures_name_the_instances_that_either_release_leaves_out() {
    for strict in [0, 1] {
        let of = |release| {
            policy(|policy| {
                (policy.balance, policy.breaker) = (Balance::RoundRobin, None);
                policy.outlier = (release == strict).then(|| Outlier { consecutive: 1, ..Outlier::default() });
            })
        };
        let two = Two::start(of(0), of(1)).await;
        let broken = two.rig.server(|mut conn: Conn| async move {
            while conn.request().await.is_some() {
                conn.send("HTTP/1.1 500 Broken\r\ncontent-length: 0\r\n\r\n").await;
            }
        });
        let targets = [two.rig.server(named("good")).await, broken.await];
        let two = two.serving(&targets).await;
        let caller = &mut two.callers().await[strict];
        assert_eq!([caller.get("/").await.0, caller.get("/").await.0], [200, 500]);
        let figures = two.rig.mesh.connections().into_iter().find(|figures| figures.caller == "orders");
        assert_eq!(figures.unwrap().ejected, [id("users", 2)], "{strict}");
    }
}
