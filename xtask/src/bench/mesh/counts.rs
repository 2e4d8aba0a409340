//! Instructions and allocations of a request.

use super::{
    peers,
    row::{Bar, Row},
    setup::Setup,
    speaker::{self, Bare},
    valgrind::{Count, Wrapped, per_request},
};

/// Requests of the two runs whose difference is taken.
const REQUESTS: [u32; 2] = [2_000, 12_000];
const PATH: &str = "/route-1";

/// User-space instructions of a small GET.
pub(super) fn instructions(setup: &Setup) -> anyhow::Result<Vec<Row>> {
    let back = speaker::backend(setup, 1)?;
    let address = back.address()?;
    let row = |name, value, bar| {
        Row::value(&format!("GET 100 B: {name}"), value, "instructions", bar, "callgrind, user space, a request".into())
    };
    let count = |start: &dyn Fn(&[&str]) -> anyhow::Result<Wrapped>| {
        per_request(setup, Count::Instructions, PATH, REQUESTS, start)
    };
    let nginx = count(&|wrapper| {
        let peer = peers::nginx(setup, address, wrapper)?;
        Ok((peer.started, peer.ports.http1))
    })?;
    let haproxy = count(&|wrapper| {
        let peer = peers::haproxy(setup, address, wrapper)?;
        Ok((peer.started, peer.ports.http1))
    })?;
    let floor = count(&|wrapper| speaker::floor(setup, address, wrapper)?.wrapped())?;
    let gateway = count(&|wrapper| Bare::new(setup, &back.addresses).start(setup, wrapper)?.wrapped())?;
    Ok(vec![
        row("gateway", gateway, Bar::AtMost(12_000.0)),
        row("nginx", nginx, Bar::None),
        row("HAProxy", haproxy, Bar::None),
        row("floor", floor, Bar::None),
    ])
}

/// Allocations of a small GET on warm connections.
pub(super) fn allocations(setup: &Setup) -> anyhow::Result<Vec<Row>> {
    let back = speaker::backend(setup, 1)?;
    let start = |wrapper: &[&str]| Bare::new(setup, &back.addresses).start(setup, wrapper)?.wrapped();
    let value = per_request(setup, Count::Allocations, PATH, REQUESTS, start)?;
    let details = "dhat, kept connections".into();
    Ok(vec![Row::value("GET 100 B: gateway", value.max(0.0), "allocations a request", Bar::AtMost(0.01), details)])
}
