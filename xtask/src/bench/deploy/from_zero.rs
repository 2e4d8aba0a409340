//! The first answer of a service that sleeps.

use super::{
    asleep::{Asleep, REPLICAS},
    row::{Bar, Row},
    setup::Setup,
    statistics, steady,
};

/// What it may take beside the service's own start, in milliseconds.
const OVER_MS: f64 = 50.0;

/// A request that wakes the service, and the start of its program alone, in turns.
pub(super) fn run(setup: &Setup) -> anyhow::Result<Vec<Row>> {
    let program = setup.of_benches("backend");
    let service = format!(
        "[services.back]\nrun = \"exec {} 127.0.0.1:$PORT\"\nhealth = \"/\"\nreplicas = {REPLICAS}\n",
        program.display()
    );
    let system = Asleep::start(setup, "{ \"/\" = \"back\" }", &service)?;
    let (mut answers, mut starts) = (Vec::new(), Vec::new());
    for _ in 0..setup.rounds {
        answers.push(system.first_answer(setup, "/")?.as_secs_f64() * 1e3);
        starts.push(steady::own_start(setup)? * 1e3);
    }
    system.end()?;
    let over: Vec<f64> = answers.iter().zip(&starts).map(|(answer, start)| answer - start).collect();
    let [answer, start] = [&answers, &starts].map(|values| statistics::interval(values).mean);
    Ok(vec![Row {
        what: "from zero: first answer, over the service's own start".into(),
        measured: statistics::interval(&over),
        unit: "ms",
        bar: Bar::AtMost(OVER_MS),
        details: format!("{answer:.1} ms less {start:.1} ms, {} times", over.len()),
    }])
}
