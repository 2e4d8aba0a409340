//! Memory of Isles: with idle clients, and after many requests.

use super::{
    load,
    row::{Bar, Row},
    setup::Setup,
    speaker,
    system::{Gateway, System},
};
use crate::bench::process;

const KIB_IN_MIB: f64 = 1024.0;

/// 10,000 clients that keep their connections after a request.
pub(super) fn idle(setup: &Setup) -> anyhow::Result<Vec<Row>> {
    let system = System::start(setup, Gateway::Clear)?;
    let count = setup.requests(10_000);
    let before = process::resident_kib(&system.pids)?;
    let clients = speaker::idle(setup, system.gateway, count)?;
    let grown = growth(&system, before)?;
    drop(clients);
    let what = format!("memory of {count} idle client connections");
    let details =
        format!("VmRSS over {} MiB before; {:.1} KiB each", before / 1024, grown * KIB_IN_MIB / f64::from(count));
    Ok(vec![Row::value(&what, grown, "MiB", Bar::AtMost(25.0), details)])
}

/// Memory after a million requests, as it was after the first of them.
pub(super) fn soak(setup: &Setup) -> anyhow::Result<Vec<Row>> {
    let system = System::start(setup, Gateway::Clear)?;
    let url = format!("http://{}/", system.gateway);
    let (first, rest) = (setup.requests(100_000), setup.requests(1_000_000));
    load::requests(setup.load_core, &url, first, 64)?;
    let before = process::resident_kib(&system.pids)?;
    load::requests(setup.load_core, &url, rest, 64)?;
    let grown = growth(&system, before)?;
    let what = format!("memory after {rest} requests");
    let details = format!("VmRSS over {:.1} MiB after {first} requests", mib(before)?);
    Ok(vec![Row::value(&what, grown, "MiB", Bar::AtMost(0.5), details)])
}

/// In MiB.
fn growth(system: &System, before_kib: u64) -> anyhow::Result<f64> {
    Ok(mib(process::resident_kib(&system.pids)?)? - mib(before_kib)?)
}

fn mib(kib: u64) -> anyhow::Result<f64> {
    Ok(f64::from(u32::try_from(kib)?) / KIB_IN_MIB)
}
