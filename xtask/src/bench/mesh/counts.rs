//! Instructions and allocations of a request, by both ways in.

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
/// The ways into a mesh without a platform, and the places of their addresses.
const WAYS: [(&str, usize); 2] = [("gateway", 0), ("address", 1)];

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
    let floor = count(&|wrapper| speaker::floor(setup, address, wrapper)?.wrapped(0))?;
    let own = |(name, place)| {
        let value = count(&|wrapper| Bare::new(setup, &back.addresses).start(setup, wrapper)?.wrapped(place))?;
        Ok(row(name, value, Bar::AtMost(12_000.0)))
    };
    let own: anyhow::Result<Vec<_>> = WAYS.into_iter().map(own).collect();
    let others = [("nginx", nginx), ("HAProxy", haproxy), ("floor", floor)];
    Ok(own?.into_iter().chain(others.map(|(name, value)| row(name, value, Bar::None))).collect())
}

/// Allocations of a small GET on warm connections.
pub(super) fn allocations(setup: &Setup) -> anyhow::Result<Vec<Row>> {
    let back = speaker::backend(setup, 1)?;
    let row = |(name, place)| {
        let start = |wrapper: &[&str]| Bare::new(setup, &back.addresses).start(setup, wrapper)?.wrapped(place);
        let value = per_request(setup, Count::Allocations, PATH, REQUESTS, start)?;
        let (what, details) = (format!("GET 100 B: {name}"), "dhat, kept connections".into());
        Ok(Row::value(&what, value.max(0.0), "allocations a request", Bar::AtMost(0.01), details))
    };
    WAYS.into_iter().map(row).collect()
}
