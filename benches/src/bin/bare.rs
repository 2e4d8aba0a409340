//! A mesh without a platform around it, so that nothing but the mesh is measured. `bare WORKERS ROUTES` reads the addresses of the
//! instances of one service, a line each, up to an empty line, and prints the gateway's address, where `/route-1` to `/route-ROUTES` all
//! lead to the service, and then an address that a caller has for the service, at which nobody is attested. After that each line
//! `change` takes an instance out or in again, in turn, and prints how long it took until every worker had acknowledged that, in
//! microseconds; `workers` prints the requests that each worker has carried at the gateway. It ends with its input.

use std::{
    collections::BTreeMap,
    io::BufRead,
    net::{Ipv4Addr, TcpListener},
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use mesh::{Mesh, MeshConfig};
use model::{
    InstanceId, ServiceName, Slot,
    spec::{AdaptiveConcurrency, ConnectionLimits, Policy, Route, Side},
};
use ports::{
    clock::{Clock, HostClock},
    traffic::{Caller, Connection, Endpoint, GatewayRouting, Routing, Target, Traffic, Upstream},
};

/// Warm pools are measured, also where a request reaches each of many instances only now and then.
const UPSTREAM_IDLE: Duration = Duration::from_secs(600);

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<usize> = std::env::args().skip(1).map(|number| number.parse()).collect::<Result<_, _>>()?;
    let [workers, routes] = arguments[..] else { anyhow::bail!("usage: bare WORKERS ROUTES") };
    let mut lines = std::io::stdin().lock().lines();
    let endpoints = endpoints(lines.by_ref().map_while(Result::ok).take_while(|line| !line.is_empty()))?;
    let service: ServiceName = "back".parse()?;
    let [gateway_socket, calls] = [bind()?, bind()?];
    let addresses = [gateway_socket.local_addr()?, calls.local_addr()?];
    let config = MeshConfig {
        workers,
        gateway: Some(gateway_socket.into()),
        connections: vec![calls.into()],
        ..MeshConfig::default()
    };
    let clock = Arc::new(HostClock::start());
    let mesh = Mesh::start(config, clock.clone()).await?;
    let gateway = Arc::new(gateway(&service, routes));
    mesh.apply(routing(&gateway, &service, &endpoints)).await;
    addresses.iter().for_each(|address| println!("{address}"));
    let mut is_whole = true;
    while let Some(line) = lines.next().transpose()? {
        match line.as_str() {
            "change" => {
                is_whole = !is_whole;
                let endpoints = if is_whole { &endpoints[..] } else { &endpoints[1..] };
                let begun = clock.now();
                mesh.apply(routing(&gateway, &service, endpoints)).await;
                println!("{}", clock.now().since(begun).as_micros());
            }
            "workers" => println!("{}", by_worker(&mesh)),
            _ => anyhow::bail!("it knows `change` and `workers`"),
        }
    }
    Ok(())
}

fn bind() -> std::io::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
}

/// The requests that each worker has carried.
fn by_worker(mesh: &Mesh) -> String {
    let figures = mesh.connections().into_iter().find(|figures| figures.caller == "gateway");
    let requests = figures.map(|figures| figures.requests_by_worker).unwrap_or_default();
    requests.iter().map(u64::to_string).collect::<Vec<_>>().join(" ")
}

fn endpoints(addresses: impl Iterator<Item = String>) -> anyhow::Result<Vec<Endpoint>> {
    let endpoint = |(index, address): (u32, String)| {
        let slot = Slot { service: "back".parse()?, index };
        let target = match address.strip_prefix("unix:") {
            Some(path) => Target::Unix(path.into()),
            None => Target::Tcp(address.parse().context("not an address")?),
        };
        Ok(Endpoint { instance: InstanceId { slot, run: 1 }, target, side: Side::Old })
    };
    (1..).zip(addresses).map(endpoint).collect()
}

fn gateway(service: &ServiceName, routes: usize) -> GatewayRouting {
    let route = |number| Route::new(format!("/route-{number}"), service.clone());
    let mut policy = Policy::edge();
    policy.limits.upstream_idle = UPSTREAM_IDLE;
    GatewayRouting {
        routes: (1..=routes).map(route).collect(),
        policy: Arc::new(policy),
        trusted: Vec::new(),
        connections: ConnectionLimits::default(),
        new: None,
    }
}

fn routing(gateway: &Arc<GatewayRouting>, service: &ServiceName, endpoints: &[Endpoint]) -> Routing {
    let upstream = Upstream {
        has_been_healthy: true,
        adaptive_concurrency: AdaptiveConcurrency::Switch(true),
        endpoints: endpoints.to_vec(),
        ..Upstream::default()
    };
    let caller = Caller::Slot(Slot { service: service.clone(), index: 1 });
    let policy = Arc::default();
    let connection = Connection { caller, callee: service.clone(), policy, socket: None, side: None };
    Routing {
        gateway: Some(gateway.clone()),
        connections: Arc::new(BTreeMap::from([(Ipv4Addr::LOCALHOST, connection)])),
        services: BTreeMap::from([(service.clone(), Arc::new(upstream))]),
        ..Routing::default()
    }
}
