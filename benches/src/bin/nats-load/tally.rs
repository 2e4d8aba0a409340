//! What was done, and how long it took.

use std::{fmt, str::FromStr, time::Duration};

use model::Timestamp;
use ports::clock::{Clock as _, HostClock};

/// When a load ends.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Until {
    Count(u64),
    Elapsed(Duration),
}

impl FromStr for Until {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.strip_suffix('s') {
            Some(seconds) => seconds.parse().map(Duration::from_secs).map(Self::Elapsed),
            None => text.parse().map(Self::Count),
        }
    }
}

/// A count that goes on.
pub(crate) struct Tally {
    clock: HostClock,
    began: Timestamp,
    until: Until,
    pub(crate) count: u64,
    elapsed: Duration,
    each: Vec<Duration>,
}

impl Tally {
    pub(crate) fn begin(until: Until) -> Self {
        let clock = HostClock::start();
        Self { began: clock.now(), clock, until, count: 0, elapsed: Duration::ZERO, each: Vec::new() }
    }

    /// Whether it is time to begin no more, of which so many are begun.
    pub(crate) fn is_over(&self, begun: u64) -> bool {
        match self.until {
            Until::Count(count) => begun >= count,
            Until::Elapsed(time) => self.now().since(self.began) >= time,
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// One more is done, which began then.
    pub(crate) fn done(&mut self, began: Timestamp) {
        self.count += 1;
        self.each.push(self.now().since(began));
    }

    pub(crate) fn end(mut self) -> Self {
        self.elapsed = self.now().since(self.began);
        self.each.sort_unstable();
        self
    }

    fn percentile_us(&self, percent: usize) -> f64 {
        let at = (self.each.len() * percent / 100).min(self.each.len().saturating_sub(1));
        self.each.get(at).map_or(0.0, |time| time.as_secs_f64() * 1e6)
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (p50, p99) = (self.percentile_us(50), self.percentile_us(99));
        write!(f, "{} {:.6} {p50:.2} {p99:.2}", self.count, self.elapsed.as_secs_f64())
    }
}
