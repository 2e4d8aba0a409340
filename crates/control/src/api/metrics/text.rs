//! The Prometheus text exposition format, version 0.0.4.

use std::fmt::{Display, Write};

/// The content type of the format.
pub(super) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What a family measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// The labels of a series: names and values.
pub(super) type Labels = Vec<(&'static str, String)>;

/// A family: its samples stand together below its head.
pub(super) struct Family {
    name: &'static str,
    head: String,
    samples: String,
}

impl Family {
    pub(super) fn new(name: &'static str, kind: Kind, help: &str) -> Self {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        let help = help.replace('\\', r"\\").replace('\n', r"\n");
        Self { name, head: format!("# HELP {name} {help}\n# TYPE {name} {kind}\n"), samples: String::new() }
    }

    /// A sample of a counter or a gauge.
    pub(super) fn add(&mut self, labels: &Labels, value: impl Display) {
        self.sample("", labels, None, value);
    }

    /// A histogram from cumulated buckets in microseconds. Counts that were read while requests ended may contradict each
    /// other by a few: none is written smaller than the one before it.
    pub(super) fn add_histogram(&mut self, labels: &Labels, buckets: &[(u64, u64)], sum_micros: u64, count: u64) {
        let mut most = 0;
        for (micros, upto) in buckets {
            most = most.max(*upto);
            self.sample("_bucket", labels, Some(&seconds(*micros)), most);
        }
        let count = most.max(count);
        self.sample("_bucket", labels, Some("+Inf"), count);
        self.sample("_sum", labels, None, seconds(sum_micros));
        self.sample("_count", labels, None, count);
    }

    /// The family as text; empty without samples.
    pub(super) fn finish(self) -> String {
        if self.samples.is_empty() { String::new() } else { self.head + &self.samples }
    }

    fn sample(&mut self, suffix: &str, labels: &Labels, upper: Option<&str>, value: impl Display) {
        let labels = labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value)));
        let all: Vec<_> = labels.chain(upper.map(|upper| format!("le=\"{upper}\""))).collect();
        let all = if all.is_empty() { String::new() } else { format!("{{{}}}", all.join(",")) };
        writeln!(self.samples, "{}{suffix}{all} {value}", self.name).expect("writing to a String cannot fail");
    }
}

fn escaped(value: &str) -> String {
    value.replace('\\', r"\\").replace('"', r#"\""#).replace('\n', r"\n")
}

/// Microseconds in seconds, exactly and as short as possible: `2500` is `0.0025`.
pub(super) fn seconds(micros: u64) -> String {
    let (whole, rest) = (micros / 1_000_000, micros % 1_000_000);
    let text = format!("{whole}.{rest:06}");
    text.trim_end_matches('0').trim_end_matches('.').into()
}
