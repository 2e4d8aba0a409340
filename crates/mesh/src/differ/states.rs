//! Routing states, made of bytes.

use std::{net::Ipv4Addr, sync::Arc, time::Duration};

use model::spec::{AdaptiveConcurrency, Balance, ConnectionLimits, Policy, Rate, Route, Side, Sticky};
use ports::traffic::{Caller, Connection, Endpoint, GatewayRouting, RoutePolicies, Routing, Split, Target, Upstream};

/// The bytes that a state is made of.
pub(super) const STATE_BYTES: usize = 6;
/// The run that may be found elsewhere in the next state; a real one is not moved with a request in flight.
pub(super) const MOVES: u64 = 1;
pub(super) const SERVICES: [&str; 3] = ["users", "stock", "orders"];
const CALLS: [(&str, &str); 4] =
    [("orders/1", "users"), ("orders/2", "users"), ("users/1", "stock"), ("stock/1", "orders")];
/// Host, prefix, service, and whether the route has a policy of its own.
const ROUTES: [(Option<&str>, &str, &str, bool); 4] = [
    (None, "/", "users", false),
    (None, "/stock", "stock", false),
    (Some("b"), "/", "orders", true),
    (None, "/stock/new", "orders", true),
];

/// The state that these bytes say: gateway, connections, a byte for each service.
pub(super) fn routing(state: &[u8]) -> Routing {
    let services = SERVICES.iter().zip(&state[2..]).filter(|(_, byte)| has(**byte, 0));
    let calls = CALLS.iter().enumerate().filter_map(|(index, call)| declared(index, call, bits(state[1], index * 2)));
    Routing {
        messages: Arc::default(),
        gateway: has(state[0], 0).then(|| Arc::new(gateway(state[0]))),
        connections: Arc::new(calls.collect()),
        services: services.map(|(name, byte)| (name.parse().expect("a name"), upstream(name, *byte))).collect(),
        shutting_down: has(state[0], 1),
    }
}

fn gateway(byte: u8) -> GatewayRouting {
    let chosen = ROUTES.iter().enumerate().filter(|(index, _)| has(byte, 4 + index));
    let route = |(_, (host, prefix, to, own)): (usize, &(Option<&str>, &str, &str, bool))| Route {
        host: host.map(str::to_owned),
        strip: *own,
        policy: own.then(|| Box::new(policy(bits(byte, 3)))),
        ..Route::new(*prefix, to.parse().expect("a name"))
    };
    GatewayRouting {
        routes: chosen.map(route).collect(),
        policy: Arc::new(policy(bits(byte, 2))),
        trusted: Vec::new(),
        connections: ConnectionLimits::default(),
        new: has(byte, 7).then(|| RoutePolicies {
            routes: vec![Route::new("/", "users".parse().expect("a name"))],
            policy: Arc::new(policy(bits(byte, 3))),
        }),
    }
}

/// Slots of one service may have different policies, as those of two releases do.
fn declared(index: usize, (caller, callee): &(&str, &str), variant: u8) -> Option<(Ipv4Addr, Connection)> {
    let address = Ipv4Addr::new(127, 0, 0, u8::try_from(index).ok()?);
    let caller = Caller::Slot(caller.parse().expect("a slot"));
    let policy = Arc::new(policy(variant));
    (variant > 0).then(|| {
        (address, Connection { caller, callee: callee.parse().expect("a name"), policy, socket: None, side: None })
    })
}

fn policy(variant: u8) -> Policy {
    let balance =
        [Balance::PeakEwma, Balance::RoundRobin, Balance::LeastRequest, Balance::Weighted { weights: vec![2] }];
    let breaker = Policy::default().breaker.filter(|_| variant < 2);
    let timeout = Duration::from_secs(u64::from(variant) + 1);
    let rate = Rate { requests: 1 + u32::from(variant / 2), per: Duration::from_secs(1), burst: 1 };
    let rate = (variant > 0).then_some(rate);
    Policy { timeout, breaker, rate, balance: balance[usize::from(variant)].clone(), ..Policy::default() }
}

/// Three instances at most; the first may move. A split begins with the limit, and the last instance is of the new release.
fn upstream(name: &str, byte: u8) -> Arc<Upstream> {
    let endpoint = |run: u64| {
        let port = if run == MOVES { 1000 + u16::from(bits(byte, 6)) } else { 2000 };
        let instance = format!("{name}/{run}#{run}").parse().expect("an instance");
        let side = if run == 3 { Side::New } else { Side::Old };
        Endpoint { instance, target: Target::Tcp((Ipv4Addr::LOCALHOST, port).into()), side }
    };
    Arc::new(Upstream {
        has_been_healthy: has(byte, 1),
        adaptive_concurrency: AdaptiveConcurrency::Switch(has(byte, 2)),
        endpoints: (1..=3).zip(3..).filter(|(_, bit)| has(byte, *bit)).map(|(run, _)| endpoint(run)).collect(),
        split: has(byte, 2).then(|| Split { weight: has(byte, 7).then_some(100), sticky: Sticky::None }),
        ..Upstream::default()
    })
}

fn has(byte: u8, bit: usize) -> bool {
    byte >> bit & 1 == 1
}

fn bits(byte: u8, from: usize) -> u8 {
    byte >> from & 3
}
