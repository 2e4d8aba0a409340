//! The work of control after one change, with few and with many services in a simulated runtime.

use std::process::Command;

use anyhow::ensure;

use super::{
    row::{Bar, Row},
    setup::Setup,
    statistics,
};

const SIZES: [u32; 2] = [10, 1_000];
/// Changes of a run.
const CHANGES: u32 = 200;
/// What one change took, as `reconcile` says it.
const COUNTS: [&str; 4] = ["steps of instances", "records written", "routing entries touched", "routing states"];
const TIMES: [&str; 2] = ["processor time", "time until it is answered"];

/// The two sizes in turns.
pub(super) fn run(setup: &Setup) -> anyhow::Result<Vec<Row>> {
    let (mut few, mut many) = (Vec::new(), Vec::new());
    for _ in 0..setup.rounds {
        few.push(measure(setup, SIZES[0])?);
        many.push(measure(setup, SIZES[1])?);
    }
    let rows =
        COUNTS.iter().map(|what| (what, Bar::AtMost(1.0), "")).chain(TIMES.iter().map(|what| (what, Bar::None, " µs")));
    let row = |(at, (what, bar, unit)): (usize, (&&str, Bar, &str))| {
        let [few, many] = [&few, &many].map(|runs| runs.iter().map(|run| run[at]).collect::<Vec<f64>>());
        let [mean_few, mean_many] = [&few, &many].map(|values| statistics::interval(values).mean);
        let details =
            format!("{mean_few:.1} → {mean_many:.1}{unit} a change of one service's instances, {} pairs", few.len());
        Row::ratio(format!("10 → 1,000 services: {what}"), statistics::ratio(&many, &few), bar, details)
    };
    Ok(rows.enumerate().map(row).collect())
}

fn measure(setup: &Setup, services: u32) -> anyhow::Result<Vec<f64>> {
    let output =
        Command::new(setup.of_benches("reconcile")).args([services, CHANGES].map(|n| n.to_string())).output()?;
    ensure!(output.status.success(), "reconcile failed: {}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8(output.stdout)?;
    let numbers: Vec<f64> = said.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
    ensure!(numbers.len() == COUNTS.len() + TIMES.len(), "an odd line: {said}");
    Ok(numbers)
}
