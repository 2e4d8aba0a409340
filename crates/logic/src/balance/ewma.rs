//! The latency of one instance.

use std::time::Duration;

use model::Timestamp;

/// How fast old peaks are forgotten: to 1/e in this time.
const DECAY: Duration = Duration::from_secs(10);
/// What an instance is assumed to take before its first answer.
const START: Duration = Duration::from_millis(30);

/// An exponentially weighted moving average of latency that rises at once and falls slowly.
#[derive(Debug, Clone, Copy)]
pub struct Ewma {
    micros: f64,
    at: Timestamp,
}

impl Ewma {
    /// The average before the first answer.
    pub fn new(now: Timestamp) -> Self {
        Self { micros: START.as_secs_f64() * 1e6, at: now }
    }

    /// What one more request costs: the average times the requests that would be in flight. Without answers the average
    /// falls, so that an instance that was slow is tried again.
    pub fn cost(&self, in_flight: u32, now: Timestamp) -> f64 {
        self.micros * self.weight(now) * (f64::from(in_flight) + 1.0)
    }

    /// Takes note of an answer.
    pub fn observe(&mut self, latency: Duration, now: Timestamp) {
        let sample = latency.as_secs_f64() * 1e6;
        let weight = self.weight(now);
        self.micros =
            if sample > self.micros * weight { sample } else { self.micros * weight + sample * (1.0 - weight) };
        self.at = now;
    }

    /// Takes note of a request that was given up after so long: only ever a reason to expect more.
    pub fn observe_at_least(&mut self, latency: Duration, now: Timestamp) {
        if latency.as_secs_f64() * 1e6 > self.micros * self.weight(now) {
            self.observe(latency, now);
        }
    }

    fn weight(&self, now: Timestamp) -> f64 {
        let part = now.since(self.at).as_secs_f64() / DECAY.as_secs_f64();
        // Between two requests it is as good as a line.
        if part < 1e-4 { 1.0 - part } else { libm::exp(-part) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLI: Duration = Duration::from_millis(1);

    fn cost_ms(ewma: &Ewma, in_flight: u32, at_ms: u32) -> f64 {
        ewma.cost(in_flight, Timestamp(0) + MILLI * at_ms) / 1e3
    }

    #[test]
    fn rises_at_once_and_falls_slowly() {
        let mut ewma = Ewma::new(Timestamp(0));
        ewma.observe_at_least(MILLI, Timestamp(0));
        assert!((cost_ms(&ewma, 0, 0) - 30.0).abs() < 0.01);
        assert!((cost_ms(&ewma, 2, 0) - 90.0).abs() < 0.01);
        ewma.observe(MILLI * 500, Timestamp(0));
        assert!((cost_ms(&ewma, 0, 0) - 500.0).abs() < 0.01, "a peak counts at once");
        assert!((cost_ms(&ewma, 0, 10_000) - 500.0 / std::f64::consts::E).abs() < 0.1);
        ewma.observe(MILLI * 10, Timestamp(0) + MILLI * 10_000);
        let expected = (500.0 + 10.0 * (std::f64::consts::E - 1.0)) / std::f64::consts::E;
        assert!((cost_ms(&ewma, 0, 10_000) - expected).abs() < 0.1);
    }
}
