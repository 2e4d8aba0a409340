//! What the size of a system costs: many instances, many routes, and changes of them.

use std::{thread, time::Duration};

use anyhow::Context as _;

use super::{
    load::{Load, Seat},
    rounds::{self, Contender},
    row::{Bar, Row},
    samples::Measure,
    setup::Setup,
    speaker::{self, Bare},
    statistics::Interval,
    valgrind::{Count, per_request},
};
use crate::bench::figure::median;

const MANY: usize = 1_000;
/// Requests of the two runs whose difference is taken: the first ones warm the pools of all instances.
const REQUESTS: [u32; 2] = [40_000, 60_000];
const PATH: &str = "/route-1";
/// How often the routing changes under load, and the time between two changes.
const CHANGES: u32 = 40;
const BETWEEN: Duration = Duration::from_millis(50);

/// A request with few and with many instances, and with one and with many routes.
pub(super) fn scale(setup: &Setup) -> anyhow::Result<Vec<Row>> {
    let back = speaker::backend(setup, MANY)?;
    let few = Bare::new(setup, &back.addresses[..2]);
    let many = Bare::new(setup, &back.addresses);
    let one_route = Bare::new(setup, &back.addresses[..1]);
    let routes = Bare { routes: MANY, ..Bare::new(setup, &back.addresses[..1]) };
    let mut rows = growth(setup, "2 → 1,000 instances", &few, &many)?;
    rows.extend(growth(setup, "1 → 1,000 routes", &one_route, &routes)?);
    Ok(rows)
}

fn growth(setup: &Setup, what: &str, small: &Bare, large: &Bare) -> anyhow::Result<Vec<Row>> {
    let count = |bare: &Bare| {
        per_request(setup, Count::Instructions, PATH, REQUESTS, |wrapper| bare.start(setup, wrapper)?.wrapped(0))
    };
    let (before, after) = (count(small)?, count(large)?);
    let ratio = after / before;
    let details = format!("{before:.0} → {after:.0}, callgrind, user space, a request");
    let measured = Interval { low: ratio, mean: ratio, high: ratio };
    let instructions = Row::ratio(format!("{what}: instructions"), measured, Bar::AtMost(1.03), details);
    let started = [small.start(setup, &[])?, large.start(setup, &[])?];
    let contender = |name, speaker: &speaker::Speaker| {
        let url = format!("http://{}{PATH}", speaker.address()?);
        let pids = speaker.started.pids()?;
        anyhow::Ok(Contender { name, pids, seat: Seat::Outside, url, load: Load::get(64) })
    };
    let [few, many] = rounds::run(setup, [contender("small", &started[0])?, contender("large", &started[1])?])?;
    Ok(vec![instructions, many.against(&few, Measure::Cpu, what, Bar::AtMost(1.15))])
}

/// Changes of the routing of many instances, under load, on both cores.
pub(super) fn routing_change(setup: &Setup) -> anyhow::Result<Vec<Row>> {
    let back = speaker::backend(setup, MANY)?;
    let cores = format!("{},{}", setup.load_core, setup.proxy_core);
    let mut bare = Bare { cores, workers: 2, ..Bare::new(setup, &back.addresses) }.start(setup, &[])?;
    let url = format!("http://{}{PATH}", bare.address()?);
    let seconds = u32::try_from((BETWEEN * CHANGES).as_secs())? + 1;
    let core = setup.load_core;
    let loaded = thread::spawn(move || Load::get(64).run(core, &Seat::Outside, &url, seconds));
    let mut taken_ms = Vec::new();
    for _ in 0..CHANGES {
        thread::sleep(BETWEEN);
        taken_ms.push(bare.ask("change")?.parse::<f64>()? / 1e3);
    }
    let counted = loaded.join().ok().context("the load tool cannot be run")??;
    let slowest = taken_ms.iter().copied().fold(0.0, f64::max);
    let details = format!(
        "the slowest of {CHANGES}, in 2 workers; median {:.1} ms; {:.0} requests meanwhile, none failed",
        median(&taken_ms),
        counted.requests
    );
    Ok(vec![Row::value("routing change, 1,000 instances, under load", slowest, "ms", Bar::AtMost(20.0), details)])
}

/// Two connections of HTTP/2 on two workers, both busy and one alone: the streams of a connection stay on its worker.
pub(super) fn h2_balance(setup: &Setup) -> anyhow::Result<Vec<Row>> {
    let back = speaker::backend(setup, 1)?;
    let cores = format!("{},{}", setup.load_core, setup.proxy_core);
    let mut bare = Bare { cores, workers: 2, ..Bare::new(setup, &back.addresses) }.start(setup, &[])?;
    let url = format!("http://{}{PATH}", bare.address()?);
    let mut rows = Vec::new();
    for (what, connections) in [("both busy", 2), ("one busy alone", 1)] {
        let before = by_worker(&mut bare)?;
        Load::Http2 { connections, streams: 32 }.run(setup.load_core, &Seat::Outside, &url, 2)?;
        let carried: Vec<f64> =
            by_worker(&mut bare)?.iter().zip(before).map(|(after, before)| after - before).collect();
        let share = carried.iter().copied().fold(0.0, f64::max) / carried.iter().sum::<f64>() * 100.0;
        let what = format!("HTTP/2, 2 connections, 2 workers, {what}");
        rows.push(Row::value(&what, share, "% on one worker", Bar::None, format!("{carried:?} requests")));
    }
    Ok(rows)
}

fn by_worker(bare: &mut speaker::Speaker) -> anyhow::Result<Vec<f64>> {
    let counts = bare.ask("workers")?;
    counts.split(' ').map(|count| count.parse().context("not a number")).collect()
}
