//! The first answer through four services that sleep and take a while to start.

use std::path::Path;

use super::{
    asleep::{Asleep, REPLICAS},
    row::{Bar, Row},
    setup::Setup,
    statistics,
};

/// What each service does before it listens, in milliseconds.
const START_MS: u32 = 200;
/// How much longer the path may take than one of them alone.
const LONGER: f64 = 1.5;

/// Services that sleep at their start, and those that each need a core for it: how long these take depends on the cores.
pub(super) fn run(setup: &Setup) -> anyhow::Result<Vec<Row>> {
    let kinds = [("sleep", Bar::AtMost(LONGER)), ("burn", Bar::None)];
    kinds.into_iter().map(|(how, bar)| measure(setup, how, bar)).collect()
}

/// The path and one service alone, in turns.
fn measure(setup: &Setup, how: &str, bar: Bar) -> anyhow::Result<Row> {
    let services = services(&setup.of_benches("hop"), how);
    let system = Asleep::start(setup, "{ \"/path\" = \"a\", \"/one\" = \"one\" }", &services)?;
    let (mut path, mut one) = (Vec::new(), Vec::new());
    for _ in 0..setup.rounds {
        path.push(system.first_answer(setup, "/path")?.as_secs_f64() * 1e3);
        one.push(system.first_answer(setup, "/one")?.as_secs_f64() * 1e3);
    }
    system.end()?;
    let [of_path, of_one] = [&path, &one].map(|values| statistics::interval(values).mean);
    let details = format!("{of_path:.0} and {of_one:.0} ms, {} pairs", path.len());
    let what = format!("from zero: a path of four that each {how} {START_MS} ms at start, path / one");
    Ok(Row::ratio(what, statistics::ratio(&path, &one), bar, details))
}

/// `a` in front of `b`, `c` and `d`, and `one` alone.
fn services(program: &Path, how: &str) -> String {
    let service = |(name, next): (&str, Option<&str>)| {
        let url = next.map(|next| format!(" ${}_URL", next.to_uppercase())).unwrap_or_default();
        let calls = next.map(|next| format!("calls = [\"{next}\"]\n")).unwrap_or_default();
        let program = program.display();
        format!("[services.{name}]\nrun = \"exec {program} {how} {START_MS}{url}\"\nreplicas = {REPLICAS}\n{calls}")
    };
    [("a", Some("b")), ("b", Some("c")), ("c", Some("d")), ("d", None), ("one", None)].map(service).concat()
}
