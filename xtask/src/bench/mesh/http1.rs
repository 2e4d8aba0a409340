//! HTTP/1.1 in and out, beside nginx, HAProxy and the floor.

use std::fs;

use super::{
    load::Load,
    row::{Bar, Row},
    samples::{Measure, Samples},
    setup::Setup,
    stage::{Compared, Stage},
};

/// What the CPU of a request may be as a ratio to that of nginx, HAProxy and the floor.
struct Bars {
    nginx: Bar,
    haproxy: Bar,
    floor: Bar,
}

const SMALL: Bars = Bars { nginx: Bar::AtMost(0.85), haproxy: Bar::AtMost(0.88), floor: Bar::AtMost(1.25) };
const LARGER: Bars = Bars { nginx: Bar::AtMost(0.9), haproxy: Bar::AtMost(0.9), floor: Bar::None };

/// GET with answers of 100 bytes.
pub(super) fn small_get(setup: &Setup, stage: &Stage) -> anyhow::Result<Vec<Row>> {
    Ok(cpu(stage.small_get(setup)?, "GET 100 B", &SMALL))
}

/// POST of 1 KiB.
pub(super) fn post_1k(setup: &Setup, stage: &Stage) -> anyhow::Result<Vec<Row>> {
    let script = setup.folder().join("post.lua");
    fs::write(&script, "wrk.method = \"POST\"\nwrk.body = string.rep(\"a\", 1024)\n")?;
    let load = Load::Http1 { connections: 64, script: Some(script), close: false };
    Ok(cpu(&stage.http1(setup, &load, "/")?, "POST 1 KiB", &LARGER))
}

/// GET with answers of 10 KiB.
pub(super) fn response_10k(setup: &Setup, stage: &Stage) -> anyhow::Result<Vec<Row>> {
    Ok(cpu(&stage.http1(setup, &Load::get(64), "/10k")?, "GET 10 KiB", &LARGER))
}

/// The latency of a connection alone.
pub(super) fn one_connection(setup: &Setup, stage: &Stage) -> anyhow::Result<Vec<Row>> {
    let compared = stage.http1(setup, &Load::get(1), "/")?;
    let ours = [&compared.gateway, &compared.address];
    let row = |ours: &Samples| ours.against(&compared.nginx, Measure::P50, "one connection", Bar::AtMost(1.0));
    let haproxy = compared.gateway.against(&compared.haproxy, Measure::P50, "one connection", Bar::None);
    Ok(ours.into_iter().map(row).chain([haproxy]).collect())
}

/// The slowest requests under load.
pub(super) fn p99(setup: &Setup, stage: &Stage) -> anyhow::Result<Vec<Row>> {
    let Compared { nginx, haproxy, gateway, address, .. } = stage.small_get(setup)?;
    let better = if nginx.mean(Measure::P99) <= haproxy.mean(Measure::P99) { nginx } else { haproxy };
    let row = |ours: &Samples| ours.against(better, Measure::P99, "64 connections", Bar::AtMost(1.0));
    Ok([gateway, address].into_iter().map(row).collect())
}

fn cpu(compared: &Compared, what: &str, bars: &Bars) -> Vec<Row> {
    let Compared { nginx, haproxy, floor, gateway, address } = compared;
    // How far below nginx any proxy can be on this host.
    let mut rows = vec![floor.against(nginx, Measure::Cpu, what, Bar::None)];
    for ours in [gateway, address] {
        for (other, bar) in [(nginx, bars.nginx), (haproxy, bars.haproxy), (floor, bars.floor)] {
            rows.push(ours.against(other, Measure::Cpu, what, bar));
        }
        rows.push(ours.against(nginx, Measure::Core, what, Bar::None));
        rows.push(ours.against(nginx, Measure::PerSecond, what, Bar::None));
        rows.push(ours.against(nginx, Measure::P50, what, Bar::None));
    }
    rows
}
