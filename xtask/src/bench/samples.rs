//! What contenders that take turns measure, and how they compare.

use std::borrow::Cow;

use super::{
    row::{Bar, Row},
    statistics,
};

/// The measurements of one contender, one a round.
#[derive(Debug, Default)]
pub(super) struct Samples {
    pub(super) name: &'static str,
    /// What is counted.
    pub(super) noun: &'static str,
    pub(super) cpu_us: Vec<f64>,
    pub(super) core_us: Vec<f64>,
    pub(super) per_second: Vec<f64>,
    pub(super) p50_us: Vec<f64>,
    pub(super) p99_us: Vec<f64>,
}

/// Gives every contender its turn in each of the rounds, in rotating order, so that whatever else the host does befalls all of them.
///
/// # Errors
/// When a turn fails.
pub(super) fn in_turns(
    rounds: usize,
    contenders: usize,
    mut turn: impl FnMut(usize) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    for round in 0..rounds {
        for place in 0..contenders {
            turn((round + place) % contenders)?;
        }
    }
    Ok(())
}

/// Which measurement is compared.
#[derive(Debug, Clone, Copy)]
pub(super) enum Measure {
    Cpu,
    /// The whole core's, with what the kernel accounts to no process.
    Core,
    PerSecond,
    /// Of the processor time of the one that is measured.
    PerCpuSecond,
    P50,
    P99,
}

impl Samples {
    /// Of a contender that is asked to answer requests.
    pub(super) fn new(name: &'static str) -> Self {
        Self { name, noun: "request", ..Self::default() }
    }

    /// The values of one measurement.
    pub(super) fn of(&self, measure: Measure) -> Cow<'_, [f64]> {
        Cow::Borrowed(match measure {
            Measure::Cpu => &self.cpu_us,
            Measure::Core => &self.core_us,
            Measure::PerSecond => &self.per_second,
            Measure::PerCpuSecond => return self.cpu_us.iter().map(|us| 1e6 / us).collect(),
            Measure::P50 => &self.p50_us,
            Measure::P99 => &self.p99_us,
        })
    }

    /// The mean of a measurement.
    pub(super) fn mean(&self, measure: Measure) -> f64 {
        statistics::interval(&self.of(measure)).mean
    }

    /// This one's measurement as a ratio to that of another.
    pub(super) fn against(&self, other: &Self, measure: Measure, what: &str, bar: Bar) -> Row {
        let (name, unit) = match measure {
            Measure::Cpu => ("CPU", format!("µs a {}", self.noun)),
            Measure::Core => ("the whole core", format!("µs a {}", self.noun)),
            Measure::PerSecond => ("throughput", "a second".to_owned()),
            Measure::PerCpuSecond => ("throughput of a core", format!("{}s a CPU second", self.noun)),
            Measure::P50 => ("p50", "µs".to_owned()),
            Measure::P99 => ("p99", "µs".to_owned()),
        };
        let ratio = statistics::ratio(&self.of(measure), &other.of(measure));
        let (ours, theirs) = (self.mean(measure), other.mean(measure));
        let digits = if ours < 1_000.0 { 1 } else { 0 };
        let details = format!("{ours:.digits$} and {theirs:.digits$} {unit}, {} pairs", self.of(measure).len());
        Row::ratio(format!("{what}: {name}, {} / {}", self.name, other.name), ratio, bar, details)
    }
}
