//! New connections, Unix sockets to instances, and HTTP/2 to clients.

use super::{
    load::{Load, Seat},
    rounds::{self, Contender},
    row::{Bar, Row},
    samples::{Measure, Samples},
    setup::Setup,
    stage::Stage,
};

/// A connection for each request: through an address, which looks at who calls, and through the gateway, which does not.
pub(super) fn connect(setup: &Setup, stage: &Stage) -> anyhow::Result<Vec<Row>> {
    let contender = |name, seat, origin: String| Contender {
        name,
        pids: stage.system.pids.clone(),
        seat,
        url: format!("http://{origin}/"),
        load: Load::Http1 { connections: 64, script: None, close: true },
    };
    let contenders = [
        contender("gateway", Seat::Outside, stage.system.gateway.to_string()),
        contender("address", stage.system.caller.clone(), "back".into()),
    ];
    let [gateway, address] = rounds::run(setup, contenders)?;
    let what = "a connection for each request";
    let mut rows = vec![address.against(&gateway, Measure::PerSecond, what, Bar::AtLeast(0.8))];
    rows.push(address.against(&gateway, Measure::Cpu, what, Bar::None));
    Ok(rows)
}

/// Instances that listen on a Unix socket and on a port: our own least back end, which as most programs on an event loop of Rust or
/// Go is woken whenever it can write, and nginx, which is not.
pub(super) fn unix(setup: &Setup, stage: &Stage) -> anyhow::Result<Vec<Row>> {
    let contender = |name, path| Contender {
        name,
        pids: stage.system.pids.clone(),
        seat: Seat::Outside,
        url: format!("http://{}{path}", stage.system.gateway),
        load: Load::get(64),
    };
    let contenders = [
        contender("port", "/"),
        contender("Unix socket", "/unix"),
        contender("port", "/nginx"),
        contender("Unix socket", "/nginx-unix"),
    ];
    let [port, socket, nginx_port, nginx_socket] = rounds::run(setup, contenders)?;
    let row = |measure, bar| socket.against(&port, measure, "GET 100 B", bar);
    let nginx = |measure, bar| nginx_socket.against(&nginx_port, measure, "GET 100 B of nginx", bar);
    Ok(vec![
        row(Measure::Cpu, Bar::AtMost(0.8)),
        row(Measure::Core, Bar::None),
        nginx(Measure::Cpu, Bar::AtMost(0.8)),
        nginx(Measure::Core, Bar::None),
    ])
}

/// HTTP/2 from clients, HTTP/1.1 to instances.
pub(super) fn h2_in(setup: &Setup, stage: &Stage) -> anyhow::Result<Vec<Row>> {
    let contender = |name, pids, origin| Contender {
        name,
        pids,
        seat: Seat::Outside,
        url: format!("http://{origin}/"),
        load: Load::Http2 { connections: 8, streams: 32 },
    };
    let (nginx, haproxy) = (&stage.nginx, &stage.haproxy);
    let contenders = [
        contender("nginx", nginx.started.pids()?, nginx.ports.http2),
        contender("HAProxy", haproxy.started.pids()?, haproxy.ports.http2),
        contender("gateway", stage.system.pids.clone(), stage.system.gateway),
    ];
    let [nginx, haproxy, gateway] = rounds::run(setup, contenders)?;
    let row = |other: &Samples, measure, bar| gateway.against(other, measure, "HTTP/2, 8 × 32 streams", bar);
    Ok(vec![
        row(&nginx, Measure::Cpu, Bar::AtMost(0.8)),
        row(&haproxy, Measure::Cpu, Bar::AtMost(1.15)),
        row(&nginx, Measure::PerSecond, Bar::None),
    ])
}
