//! What a new routing state leaves alone: connections of clients, and those to instances that it names as before.

use std::{
    sync::{Arc, atomic::Ordering::SeqCst},
    time::Duration,
};

use model::{
    ByteSize, ServiceName,
    spec::{AdaptiveConcurrency, Policy, Route},
};
use ports::traffic::{GatewayRouting, Routing, Traffic, Upstream};

use crate::{http2_client, rig::*};

fn service<'a>(routing: &'a mut Routing, name: &str) -> &'a mut Upstream {
    Arc::make_mut(routing.services.get_mut(&name.parse::<ServiceName>().unwrap()).unwrap())
}

fn gateway(routing: &mut Routing) -> &mut GatewayRouting {
    Arc::make_mut(routing.gateway.as_mut().unwrap())
}

type Change = fn(&mut Routing);

/// Every one is applied to the state before it.
const CHANGES: &[(&str, Change)] = &[
    ("another service loses its only instance", |routing| {
        service(routing, "stock").endpoints.clear();
    }),
    ("a service comes", |routing| {
        routing.services.insert("payments".parse().unwrap(), Arc::default());
    }),
    ("a service goes", |routing| {
        routing.services.remove(&"stock".parse::<ServiceName>().unwrap());
    }),
    ("a route comes", |routing| gateway(routing).routes.push(Route::new("/new", "payments".parse().unwrap()))),
    ("a route goes", |routing| gateway(routing).routes.retain(|route| route.prefix == "/")),
    ("the policy of the gateway changes", |routing| {
        let policy = Arc::make_mut(&mut gateway(routing).policy);
        (policy.timeout, policy.retries, policy.limits.body) = (Duration::from_secs(7), 0, Some(ByteSize(9)));
    }),
    ("their route gets a policy of its own", |routing| {
        gateway(routing).routes[0].policy = Some(Box::new(Policy { queue: 3, ..Policy::default() }));
    }),
    ("the policy of a caller changes", |routing| {
        let connections = Arc::make_mut(&mut routing.connections);
        let policy = &mut connections.get_mut(&CONNECTION).unwrap().policy;
        (Arc::make_mut(policy).breaker, Arc::make_mut(policy).in_flight_max) = (None, 5);
    }),
    ("their own service is no longer limited by its latency", |routing| {
        service(routing, "users").adaptive_concurrency = AdaptiveConcurrency::Switch(false);
    }),
];

#[tokio::test]
async fn no_change_touches_what_it_does_not_name() {
    let rig = Rig::new().await;
    let (users, connected) = counting(&rig).await;
    let (stock, _) = counting(&rig).await;
    let mut routing = rig.routing(&[("users", true, &[(1, users)]), ("stock", true, &[(1, stock)])]);
    rig.mesh.apply(routing.clone()).await;

    let (mut websocket, mut client, mut caller) = (rig.client().await, rig.client().await, rig.caller().await);
    let mut http2 = http2_client::connect(&rig, rig.gateway).await;
    websocket.send(UPGRADE).await;
    assert_eq!(websocket.response_head("GET").await.0, 101);
    let (to_client, to_caller) = (client.get("/").await, caller.get("/").await);
    let to_http2 = http2_client::send(&mut http2, http2_client::request("GET", "/", "")).await.2;
    let before = connected.load(SeqCst);

    for (change, make) in CHANGES {
        make(&mut routing);
        rig.mesh.apply(routing.clone()).await;
        websocket.send("ping").await;
        assert_eq!(websocket.exactly(4).await, b"ping", "{change}");
        assert_eq!(client.get("/").await, to_client, "{change}: HTTP/1.1");
        assert_eq!(caller.get("/").await, to_caller, "{change}: a caller");
        let answer = http2_client::send(&mut http2, http2_client::request("GET", "/", "")).await;
        assert_eq!((answer.0, answer.2), (200, to_http2.clone()), "{change}: HTTP/2");
    }
    assert_eq!(connected.load(SeqCst), before, "no connection to the instance was made anew");
    assert_eq!(rig.mesh.in_flight(&id("users", 1)), 1, "the WebSocket");
}
