//! Contenders that take turns, so that whatever else the host does befalls all of them.

use super::{
    load::{Load, Seat},
    row::{Bar, Row},
    setup::Setup,
    statistics,
};
use crate::bench::process;

/// One that is measured.
pub(super) struct Contender {
    pub(super) name: &'static str,
    pub(super) pids: Vec<u32>,
    pub(super) seat: Seat,
    pub(super) url: String,
    pub(super) load: Load,
}

/// The measurements of one contender, one a round.
#[derive(Debug, Default)]
pub(super) struct Samples {
    pub(super) name: &'static str,
    pub(super) cpu_us: Vec<f64>,
    pub(super) core_us: Vec<f64>,
    pub(super) per_second: Vec<f64>,
    pub(super) p50_us: Vec<f64>,
    pub(super) p99_us: Vec<f64>,
}

/// Lets every contender have its turn in each of the rounds, in rotating order, after a round that does not count.
///
/// # Errors
/// When a request fails.
pub(super) fn run<const N: usize>(setup: &Setup, contenders: [Contender; N]) -> anyhow::Result<[Samples; N]> {
    let mut samples = contenders.each_ref().map(|contender| Samples { name: contender.name, ..Samples::default() });
    for contender in &contenders {
        contender.turn(setup, 1, &mut Samples::default())?;
    }
    for round in 0..setup.pairs {
        for turn in 0..N {
            let place = (round + turn) % N;
            contenders[place].turn(setup, setup.seconds, &mut samples[place])?;
        }
    }
    Ok(samples)
}

impl Contender {
    fn turn(&self, setup: &Setup, seconds: u32, samples: &mut Samples) -> anyhow::Result<()> {
        let before = process::exact_processor_time(&self.pids)?;
        let busy_before = process::busy_time(setup.proxy_core)?;
        let counted = self.load.run(setup.load_core, &self.seat, &self.url, seconds)?;
        let used = process::exact_processor_time(&self.pids)?.saturating_sub(before);
        let busy = process::busy_time(setup.proxy_core)?.saturating_sub(busy_before);
        samples.core_us.push(busy.as_secs_f64() * 1e6 / counted.requests);
        samples.cpu_us.push(used.as_secs_f64() * 1e6 / counted.requests);
        samples.per_second.push(counted.per_second);
        samples.p50_us.push(counted.p50_us);
        samples.p99_us.push(counted.p99_us);
        Ok(())
    }
}

/// Which measurement is compared.
#[derive(Debug, Clone, Copy)]
pub(super) enum Measure {
    Cpu,
    /// The whole core's, with what the kernel accounts to no process.
    Core,
    PerSecond,
    P50,
    P99,
}

impl Samples {
    /// The values of one measurement.
    pub(super) fn of(&self, measure: Measure) -> &[f64] {
        match measure {
            Measure::Cpu => &self.cpu_us,
            Measure::Core => &self.core_us,
            Measure::PerSecond => &self.per_second,
            Measure::P50 => &self.p50_us,
            Measure::P99 => &self.p99_us,
        }
    }

    /// The mean of a measurement.
    pub(super) fn mean(&self, measure: Measure) -> f64 {
        statistics::interval(self.of(measure)).mean
    }

    /// This one's measurement as a ratio to that of another.
    pub(super) fn against(&self, other: &Self, measure: Measure, what: &str, bar: Bar) -> Row {
        let (name, unit) = match measure {
            Measure::Cpu => ("CPU", "µs a request"),
            Measure::Core => ("the whole core", "µs a request"),
            Measure::PerSecond => ("throughput", "a second"),
            Measure::P50 => ("p50", "µs"),
            Measure::P99 => ("p99", "µs"),
        };
        let ratio = statistics::ratio(self.of(measure), other.of(measure));
        let (ours, theirs) = (self.mean(measure), other.mean(measure));
        let digits = if ours < 1_000.0 { 1 } else { 0 };
        let details = format!("{ours:.digits$} and {theirs:.digits$} {unit}, {} pairs", self.cpu_us.len());
        Row::ratio(format!("{what}: {name}, {} / {}", self.name, other.name), ratio, bar, details)
    }
}
