//! Requests shared between two releases of a service.

use std::{collections::BTreeSet, sync::Arc};

use model::{
    ByteSize, ServiceName,
    spec::{Balance, HashKey, Outlier, Policy, Protocol, Side, Sticky, WEIGHT_MAX},
};
use ports::traffic::{Endpoint, RoutePolicies, Routing, SideFigures, Split, Target, Traffic, Upstream};

use crate::{http2_client, rig::*};

const GET: &str = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";

fn users() -> ServiceName {
    "users".parse().unwrap()
}

fn upstream(routing: &mut Routing) -> &mut Upstream {
    Arc::make_mut(routing.services.get_mut(&users()).unwrap())
}

/// The old release in the slots from 1 on, the new one in those from 5 on.
fn shared(rig: &Rig, old: &[Target], new: &[Target], weight: Option<u16>, sticky: Sticky) -> Routing {
    let mut routing = rig.routing(&[("users", true, &[])]);
    let of = |side, first: u64, targets: &[Target]| {
        let endpoint =
            |(run, target): (u64, &Target)| Endpoint { instance: id("users", run), target: target.clone(), side };
        (first..).zip(targets).map(endpoint).collect::<Vec<_>>()
    };
    // In the order of their slots, the new ones stand before some of the old ones after the next rollout.
    upstream(&mut routing).endpoints = [of(Side::New, 5, new), of(Side::Old, 1, old)].concat();
    upstream(&mut routing).split = Some(Split { weight, sticky });
    routing
}

async fn servers(rig: &Rig) -> (Vec<Target>, Vec<Target>) {
    let old = vec![rig.server(named("old")).await, rig.server(named("old")).await];
    let new = vec![rig.server(named("new")).await, rig.server(named("new")).await];
    (old, new)
}

fn pin(routing: &mut Routing, side: Side) {
    Arc::make_mut(&mut routing.connections).get_mut(&CONNECTION).unwrap().side = Some(side);
}

/// Six standard deviations of a binomial distribution.
#[track_caller]
fn assert_share(found: u32, of: u32, weight: u16) {
    let (of, share) = (f64::from(of), f64::from(weight) / f64::from(WEIGHT_MAX));
    let off = (f64::from(found) - of * share).abs();
    assert!(off <= 6.0 * (of * share * (1.0 - share)).sqrt() + 4.0, "{found} of {of} at {weight}");
}

async fn count_new(conn: &mut Conn, requests: u32) -> u32 {
    let mut new = 0;
    for _ in 0..requests {
        let (status, body) = conn.get("/").await;
        assert_eq!(status, 200);
        new += u32::from(body == "new");
    }
    new
}

fn balances() -> [Balance; 5] {
    [
        Balance::PeakEwma,
        Balance::LeastRequest,
        Balance::RoundRobin,
        Balance::Weighted { weights: vec![3] },
        Balance::Hash { key: HashKey::Path, load_percent_max: 125 },
    ]
}

#[tokio::test]
async fn each_release_gets_its_share_of_the_requests_whatever_the_balance() {
    for balance in balances() {
        let rig = Rig::with(|policy| policy.balance = balance).await;
        let (old, new) = servers(&rig).await;
        let (mut client, mut caller) = (rig.client().await, rig.caller().await);
        for weight in [0, 100, 3_000, WEIGHT_MAX] {
            rig.mesh.apply(shared(&rig, &old, &new, Some(weight), Sticky::None)).await;
            assert_share(count_new(&mut client, 300).await, 300, weight);
            assert_share(count_new(&mut caller, 300).await, 300, weight);
        }
    }
}

#[tokio::test]
async fn streams_of_one_connection_are_shared_too() {
    let rig = Rig::new().await;
    let (old, new) = servers(&rig).await;
    rig.mesh.apply(shared(&rig, &old, &new, Some(2_500), Sticky::None)).await;
    let mut http2 = http2_client::connect(&rig, rig.gateway).await;
    let mut found = 0;
    for _ in 0..400 {
        let (status, _, body) = http2_client::send(&mut http2, http2_client::request("GET", "/", "")).await;
        assert_eq!(status, 200);
        found += u32::from(body == b"new");
    }
    assert_share(found, 400, 2_500);
}

#[tokio::test]
async fn plain_tcp_is_shared_by_connection_and_stays_on_the_callers_release() {
    let rig = Rig::with(|policy| policy.protocol = Protocol::Tcp).await;
    let greeting = |name: &'static str| move |mut conn: Conn| async move { conn.send(name).await };
    let (old, new) = (vec![rig.server(greeting("old")).await], vec![rig.server(greeting("new")).await]);
    let mut routing = shared(&rig, &old, &new, Some(4_000), Sticky::None);
    rig.mesh.apply(routing.clone()).await;
    let count = async || {
        let mut found = 0;
        for _ in 0..200 {
            found += u32::from(rig.caller().await.exactly(3).await == b"new");
        }
        found
    };
    assert_share(count().await, 200, 4_000);
    for (side, expected) in [(Side::Old, 0), (Side::New, 200)] {
        pin(&mut routing, side);
        rig.mesh.apply(routing.clone()).await;
        assert_eq!(count().await, expected);
    }
}

#[tokio::test]
async fn a_client_that_is_on_the_new_release_stays_there_as_the_weight_grows() {
    for (sticky, field) in [
        (Sticky::Header("x-user".into()), "x-user: "),
        (Sticky::Cookie("session".into()), "cookie: theme=dark; session="),
    ] {
        let rig = Rig::new().await;
        let (old, new) = servers(&rig).await;
        let (mut client, mut caller) = (rig.client().await, rig.caller().await);
        let mut before = [false; 150];
        for weight in [0, 500, 3_000, 7_000, WEIGHT_MAX] {
            rig.mesh.apply(shared(&rig, &old, &new, Some(weight), sticky.clone())).await;
            for (user, was_new) in before.iter_mut().enumerate() {
                let mut is_new = [false; 3];
                for (conn, is_new) in [&mut client, &mut caller, &mut rig.client().await].into_iter().zip(&mut is_new) {
                    conn.send(&format!("GET / HTTP/1.1\r\nhost: a\r\n{field}user-{user}\r\n\r\n")).await;
                    *is_new = conn.response().await.2 == b"new";
                }
                assert!(is_new == [is_new[0]; 3], "{user} is on both releases at {weight}");
                assert!(is_new[0] || !*was_new, "{user} went back at {weight}");
                *was_new = is_new[0];
            }
            let found = before.iter().filter(|is_new| **is_new).count();
            assert_share(u32::try_from(found).unwrap(), 150, weight);
        }
        rig.mesh.apply(shared(&rig, &old, &new, Some(5_000), sticky)).await;
        assert_share(count_new(&mut client, 200).await, 200, 5_000);
    }
}

#[tokio::test]
async fn a_pinned_caller_never_crosses() {
    for balance in balances() {
        let rig = Rig::with(|policy| (policy.balance, policy.retries) = (balance, 1)).await;
        let (mut old, mut new) = servers(&rig).await;
        old.push(nowhere());
        new.push(nowhere());
        let mut caller = rig.caller().await;
        for (side, name) in [(Side::Old, "old"), (Side::New, "new")] {
            for weight in [None, Some(0), Some(5_000), Some(WEIGHT_MAX)] {
                let mut routing = shared(&rig, &old, &new, weight, Sticky::None);
                pin(&mut routing, side);
                rig.mesh.apply(routing).await;
                for _ in 0..30 {
                    assert_eq!(caller.get("/").await, (200, name.into()), "{weight:?}");
                }
            }
        }
        let mut routing = shared(&rig, &old, &[], Some(5_000), Sticky::None);
        pin(&mut routing, Side::New);
        rig.mesh.apply(routing.clone()).await;
        assert_eq!(caller.problem(GET).await.reason, "no-upstream", "nobody of its release is there");
        upstream(&mut routing).split = None;
        rig.mesh.apply(routing).await;
        assert_eq!(caller.get("/").await.1, "old", "there are no two releases");
    }
}

#[tokio::test]
async fn retries_stay_on_the_release_and_an_empty_one_gets_nothing() {
    let rig = Rig::with(|policy| (policy.retries, policy.outlier) = (3, None)).await;
    let (old, new) = servers(&rig).await;
    let mut client = rig.client().await;
    rig.mesh.apply(shared(&rig, &old, &[nowhere(), new[0].clone()], Some(WEIGHT_MAX), Sticky::None)).await;
    for _ in 0..20 {
        assert_eq!(client.get("/").await, (200, "new".into()));
    }
    rig.mesh.apply(shared(&rig, &old, &[nowhere(), nowhere()], Some(WEIGHT_MAX), Sticky::None)).await;
    let problem = client.problem(GET).await;
    assert_eq!((problem.reason.as_str(), problem.instances.len()), ("refused", 2));
    for (old, new, weight, name) in [(&old[..], &[][..], WEIGHT_MAX, "old"), (&[], &new, 0, "new")] {
        rig.mesh.apply(shared(&rig, old, new, Some(weight), Sticky::None)).await;
        assert_eq!(client.get("/").await, (200, name.into()));
    }
}

#[tokio::test]
async fn without_a_weight_all_instances_are_alike() {
    let rig = Rig::with(|policy| policy.balance = Balance::RoundRobin).await;
    let (old, new) = servers(&rig).await;
    rig.mesh.apply(shared(&rig, &old, &new[..1], None, Sticky::None)).await;
    assert_eq!(count_new(&mut rig.client().await, 300).await, 100);
}

/// The weights are those of the slots of each release in order, wherever its slots begin.
#[tokio::test]
async fn each_release_has_its_own_weights() {
    let rig = Rig::with(|policy| policy.balance = Balance::Weighted { weights: vec![3, 1] }).await;
    let names = ["a", "b", "c", "d"];
    let mut targets = Vec::new();
    for name in names {
        targets.push(rig.server(named(name)).await);
    }
    for (weight, expected) in
        [(Some(0), [300, 100, 0, 0]), (Some(WEIGHT_MAX), [0, 0, 300, 100]), (None, [150, 50, 150, 50])]
    {
        rig.mesh.apply(shared(&rig, &targets[..2], &targets[2..], weight, Sticky::None)).await;
        let mut counts = [0_i32; 4];
        let mut client = rig.client().await;
        for _ in 0..400 {
            let name = client.get("/").await.1;
            counts[names.iter().position(|one| *one == name).unwrap()] += 1;
        }
        let off = counts.iter().zip(expected).map(|(found, due)| (found - due).abs()).max();
        assert!(off < Some(6), "{counts:?}, not {expected:?}");
    }
}

/// A request that waits when a release changes is picked for with what is there then.
#[tokio::test]
async fn a_request_that_was_held_is_balanced_among_those_that_have_come() {
    for balance in balances() {
        let rig = Rig::with(|policy| policy.balance = balance).await;
        let (old, new) = servers(&rig).await;
        rig.apply(&[("users", false, &[])]).await;
        let mut client = rig.client().await;
        client.send(GET).await;
        while rig.mesh.load(&users()).in_flight == 0 {
            tokio::task::yield_now().await;
        }
        rig.mesh.apply(shared(&rig, &old, &new, Some(WEIGHT_MAX), Sticky::None)).await;
        assert_eq!(client.response().await.2, b"new");
    }
}

/// Whether the route has a policy of its own in the new release or not.
#[tokio::test]
async fn a_request_of_the_gateway_has_the_policy_of_the_release_that_it_goes_to() {
    for own in [false, true] {
        let rig = Rig::new().await;
        let (old, new) = servers(&rig).await;
        let mut routing = shared(&rig, &old, &new, Some(5_000), Sticky::Header("x-user".into()));
        let gateway = Arc::make_mut(routing.gateway.as_mut().unwrap());
        let (mut policy, mut routes) = (Policy::clone(&gateway.policy), gateway.routes.clone());
        policy.limits.body = Some(ByteSize(4));
        routes[0].policy = own.then(|| Box::new(policy.clone()));
        gateway.new = Some(RoutePolicies { routes, policy: Arc::new(policy) });
        rig.mesh.apply(routing.clone()).await;
        let mut found = BTreeSet::new();
        for user in 0..60 {
            let mut client = rig.client().await;
            client.send(&format!("GET / HTTP/1.1\r\nhost: a\r\nx-user: {user}\r\n\r\n")).await;
            let release = String::from_utf8(client.response().await.2).unwrap();
            client
                .send(&format!("POST / HTTP/1.1\r\nhost: a\r\nx-user: {user}\r\ncontent-length: 5\r\n\r\nabcde"))
                .await;
            found.insert((release, client.response().await.0));
        }
        assert_eq!(found, [("new".into(), 413), ("old".into(), 200)].into());
        // While nobody of the new release is there, its policy is not in force either.
        upstream(&mut routing).endpoints.retain(|endpoint| endpoint.side == Side::Old);
        rig.mesh.apply(routing).await;
        let mut client = rig.client().await;
        for _ in 0..10 {
            client.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nabcde").await;
            assert_eq!(client.response().await.0, 200);
        }
    }
}

/// The status of a request with this body, and whether the new release answered, of 60 with different paths.
async fn posted(rig: &Rig, body: &str) -> BTreeSet<(u16, bool)> {
    let mut found = BTreeSet::new();
    for number in 0..60 {
        let mut client = rig.client().await;
        let length = body.len();
        client.send(&format!("POST /{number} HTTP/1.1\r\nhost: a\r\ncontent-length: {length}\r\n\r\n{body}")).await;
        let (status, _, answer) = client.response().await;
        found.insert((status, answer == b"new"));
    }
    found
}

/// All instances alike, and the policy of the new release allows bodies of four bytes.
fn alike(rig: &Rig, old: &[Target], new: &[Target]) -> Routing {
    let mut routing = shared(rig, old, new, None, Sticky::None);
    let gateway = Arc::make_mut(routing.gateway.as_mut().unwrap());
    let (mut policy, routes) = (Policy::clone(&gateway.policy), gateway.routes.clone());
    policy.limits.body = Some(ByteSize(4));
    gateway.new = Some(RoutePolicies { routes, policy: Arc::new(policy) });
    routing
}

#[tokio::test]
async fn a_request_of_the_gateway_has_the_policy_of_the_instance_that_it_goes_to() {
    for balance in balances() {
        let rig = Rig::with(|policy| policy.balance = balance).await;
        let (old, new) = servers(&rig).await;
        rig.mesh.apply(alike(&rig, &old, &new)).await;
        assert_eq!(posted(&rig, "abcd").await, [(200, false), (200, true)].into());
        assert_eq!(posted(&rig, "abcde").await, [(200, false), (413, false)].into());
    }
}

#[tokio::test]
async fn where_all_instances_are_alike_a_retry_may_go_to_the_other_release() {
    let rig = Rig::with(|policy| {
        (policy.balance, policy.retries, policy.outlier) = (Balance::RoundRobin, 3, None);
    })
    .await;
    let (old, _) = servers(&rig).await;
    rig.mesh.apply(alike(&rig, &old, &[nowhere()])).await;
    assert_eq!(posted(&rig, "abcd").await, [(200, false)].into());
    assert_eq!(posted(&rig, "abcde").await, [(200, false), (413, false)].into());
}

/// Of three broken instances of the new release and one of the old one. The last of a release is never ejected while that has a
/// share of its own.
#[tokio::test]
async fn ejections_are_bounded_among_those_that_a_request_may_go_to() {
    for (weight, most) in [(Some(5_000), [1, 2]), (None, [1, 3])] {
        let rig = Rig::with(|policy| {
            (policy.balance, policy.breaker, policy.panic_percent) = (Balance::RoundRobin, None, 0);
            policy.retries = 0;
            policy.outlier = Some(Outlier { consecutive: 1, percent_max: 100, ..Outlier::default() });
        })
        .await;
        let old = [rig.server(named("old")).await, nowhere()];
        rig.mesh.apply(shared(&rig, &old, &[nowhere(), nowhere(), nowhere()], weight, Sticky::None)).await;
        let mut client = rig.client().await;
        for _ in 0..100 {
            client.get("/").await;
        }
        let ejected = rig.mesh.connections()[0].ejected.clone();
        let of_old = ejected.iter().filter(|instance| **instance == id("users", 2)).count();
        assert_eq!([of_old, ejected.len() - of_old], most, "{ejected:?}");
        assert!(weight.is_some() || client.get("/").await == (200, "old".into()));
    }
}

async fn compared(rig: &Rig, requests: u64) -> [SideFigures; 2] {
    loop {
        let sides = rig.mesh.compare(&users()).unwrap();
        if sides[0].requests + sides[1].requests >= requests {
            return sides;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn what_each_release_did_since_the_split_began() {
    let rig = Rig::with(|policy: &mut Policy| (policy.retries, policy.outlier, policy.breaker) = (0, None, None)).await;
    let old = vec![rig.server(named("old")).await];
    let fails = |mut conn: Conn| async move {
        while let Some((head, _)) = conn.request().await {
            if head.starts_with("GET /reset ") {
                return;
            }
            conn.send("HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n").await;
        }
    };
    let new = vec![rig.server(fails).await];
    let mut client = rig.client().await;
    let run = async |client: &mut Conn, weight, path| {
        rig.mesh.apply(shared(&rig, &old, &new, Some(weight), Sticky::None)).await;
        for _ in 0..5 {
            client.try_get(path).await;
            *client = rig.client().await;
        }
    };
    rig.apply(&[("users", true, &[(1, old[0].clone())])]).await;
    assert_eq!(rig.mesh.compare(&users()), None);
    assert_eq!(rig.mesh.compare(&"stock".parse().unwrap()), None);
    client.get("/").await;
    run(&mut client, 0, "/").await;
    run(&mut client, WEIGHT_MAX, "/").await;
    run(&mut client, WEIGHT_MAX, "/reset").await;
    let sides = compared(&rig, 15).await;
    let numbers = |side: &SideFigures| (side.requests, side.failures, side.latency.iter().sum::<u64>());
    assert_eq!(sides.each_ref().map(numbers), [(5, 0, 5), (10, 10, 0)]);

    rig.apply(&[("users", true, &[(1, old[0].clone())])]).await;
    assert_eq!(rig.mesh.compare(&users()), None);
    run(&mut client, 0, "/").await;
    assert_eq!(compared(&rig, 5).await.each_ref().map(numbers), [(5, 0, 5), (0, 0, 0)], "it has begun anew");
}

/// In a rolling rollout nobody says where a request goes, but it is known where it went.
#[tokio::test]
async fn figures_without_a_weight_are_those_of_the_instances() {
    let rig = Rig::with(|policy| policy.balance = Balance::RoundRobin).await;
    let (old, new) = servers(&rig).await;
    rig.mesh.apply(shared(&rig, &old, &new[..1], None, Sticky::None)).await;
    count_new(&mut rig.client().await, 30).await;
    assert_eq!(compared(&rig, 30).await.map(|side| side.requests), [20, 10]);
}
