//! New connections, Unix sockets to instances, and HTTP/2 to clients.

use anyhow::Context as _;

use super::{
    load::{Load, Seat},
    rounds::{self, Contender},
    row::{Bar, Row},
    samples::{Measure, Samples},
    setup::Setup,
    speaker::{self, Bare},
    stage::Stage,
    system::System,
};

/// A connection for each request, through an address: of the system, which looks at who calls, and of a mesh that does not. The load
/// tool runs below an instance for both.
pub(super) fn connect(setup: &Setup, stage: &Stage) -> anyhow::Result<Vec<Row>> {
    let back = speaker::backend(setup, 1)?;
    let bare = Bare::new(setup, &back.addresses).start(setup, &[])?;
    let contender = |name, pids, origin: &str| Contender {
        name,
        pids,
        seat: stage.system.caller.clone(),
        url: format!("http://{origin}/"),
        load: Load::Http1 { connections: 64, script: None, close: true },
    };
    let open = bare.addresses.get(1).context("it has no address for a caller")?;
    let contenders =
        [contender("unattested", bare.started.pids()?, open), contender("address", stage.system.pids.clone(), "back")];
    let [open, attested] = rounds::run(setup, contenders)?;
    let row = |measure, bar| attested.against(&open, measure, "a connection for each request", bar);
    Ok(vec![row(Measure::PerSecond, Bar::AtLeast(0.8)), row(Measure::Cpu, Bar::None)])
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
    let contender = |name, pids, seat, origin: String| Contender {
        name,
        pids,
        seat,
        url: format!("http://{origin}/"),
        load: Load::Http2 { connections: 8, streams: 32 },
    };
    let (nginx, haproxy) = (&stage.nginx, &stage.haproxy);
    let System { gateway, caller, pids, .. } = &stage.system;
    let contenders = [
        contender("nginx", nginx.started.pids()?, Seat::Outside, nginx.ports.http2.to_string()),
        contender("HAProxy", haproxy.started.pids()?, Seat::Outside, haproxy.ports.http2.to_string()),
        contender("gateway", pids.clone(), Seat::Outside, gateway.to_string()),
        contender("address", pids.clone(), caller.clone(), "back".into()),
    ];
    let [nginx, haproxy, gateway, address] = rounds::run(setup, contenders)?;
    let rows = |ours: &Samples| {
        let row = |other, measure, bar| ours.against(other, measure, "HTTP/2, 8 × 32 streams", bar);
        [
            row(&nginx, Measure::Cpu, Bar::AtMost(0.8)),
            row(&haproxy, Measure::Cpu, Bar::AtMost(1.15)),
            row(&nginx, Measure::PerSecond, Bar::None),
        ]
    };
    Ok([&gateway, &address].into_iter().flat_map(rows).collect())
}
