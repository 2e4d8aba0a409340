//! How many requests a service can take at once, learned from its latency.
//!
//! The shape is that of Gradient2 (Netflix, concurrency-limits): the latency of the moment is compared with that of a
//! long time; while it is not much higher the limit grows by its square root, for a queue of that length, and else it
//! shrinks in proportion. A limit that is not half used says nothing and stays.
//!
//! Two things differ. A latency that rises while the limit is in use is most likely the queue itself, so the long
//! average then follows it ten times more slowly. And a service that is saturated never shows what it takes without a
//! queue: so every 30 s of saturation the limit is halved for two windows, one for the queue to empty and one to
//! measure, and the long average starts from there. That turns away requests of a service that turns away some already,
//! for about a hundredth of the time.

#[cfg(test)]
mod simulation;

use std::time::Duration;

use model::{Timestamp, spec::AdaptiveConcurrency};

/// Windows that the long average looks back.
const LONG_WINDOWS: f64 = 600.0;
/// How many times slower the long average rises while the limit is in use.
const RELUCTANCE: f64 = 10.0;
/// Saturated windows before the limit is halved to measure, at first and later.
const FIRST_DIP: u32 = 20;
const NEXT_DIP: u32 = 300;
/// Windows that the limit stays halved.
const DIP: u32 = 2;
/// How many times more requests the window that measures has at least.
const MEASURED: u32 = 5;

/// The terms of an adaptive limit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Terms {
    /// The smallest limit, in requests in flight, at least 1.
    pub min: u32,
    /// The largest.
    pub max: u32,
    /// The first.
    pub start: u32,
    /// How many times the long average the latency may be before the limit shrinks, at least 1.
    pub tolerance: f64,
    /// The part of each change that is made at once (0 to 1).
    pub smoothing: f64,
    /// The shortest time after which the limit changes.
    pub window: Duration,
    /// The fewest requests after which it changes.
    pub requests_min: u32,
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            min: AdaptiveConcurrency::MIN,
            max: AdaptiveConcurrency::MAX,
            start: 200,
            tolerance: 1.5,
            smoothing: 0.2,
            window: Duration::from_millis(100),
            requests_min: 10,
        }
    }
}

/// The adaptive limit of one service.
#[derive(Debug, Clone)]
pub struct Gradient {
    terms: Terms,
    limit: f64,
    /// The latency of a long time in µs, and the windows that it is the average of.
    long: f64,
    windows: f64,
    /// Saturated windows before the next dip, and the windows that are left of this one.
    until_dip: u32,
    dip_left: u32,
    window: Window,
}

/// What was seen since the limit was last looked at.
#[derive(Debug, Clone, Copy)]
struct Window {
    began: Timestamp,
    micros: f64,
    requests: u32,
    in_flight: u32,
}

impl Window {
    fn new(began: Timestamp) -> Self {
        Self { began, micros: 0.0, requests: 0, in_flight: 0 }
    }
}

impl Gradient {
    /// A limit that has learned nothing yet.
    pub fn new(terms: Terms, now: Timestamp) -> Self {
        let limit = f64::from(terms.start.min(terms.max).max(terms.min));
        Self { terms, limit, long: 0.0, windows: 0.0, until_dip: FIRST_DIP, dip_left: 0, window: Window::new(now) }
    }

    /// Keeps the limit within other bounds, at least 1; gives it.
    pub fn keep_within(&mut self, min: u32, max: u32) -> u32 {
        (self.terms.min, self.terms.max) = (min, max);
        let (min, max) = self.bounds();
        self.limit = self.limit.clamp(min, max);
        self.limit()
    }

    /// Takes note of a request that the service has answered or let time out, with the most requests that were in
    /// flight beside and with it; gives the limit from now on. Nearly always that is three additions.
    pub fn observe(&mut self, latency: Duration, in_flight: u32, now: Timestamp) -> u32 {
        let requests_min = self.terms.requests_min.saturating_mul(if self.dip_left == 1 { MEASURED } else { 1 });
        let window = &mut self.window;
        window.micros += latency.as_secs_f64() * 1e6;
        window.requests += 1;
        window.in_flight = window.in_flight.max(in_flight);
        if window.requests >= requests_min && now.since(window.began) >= self.terms.window {
            let ended = std::mem::replace(window, Window::new(now));
            self.learn((ended.micros / f64::from(ended.requests)).max(1.0), f64::from(ended.in_flight));
        }
        self.limit()
    }

    /// The requests that may be in flight.
    pub fn limit(&self) -> u32 {
        #[expect(clippy::cast_possible_truncation, reason = "between min and max")]
        let limit = self.limit as u32;
        if self.dip_left > 0 { (limit / 2).max(1) } else { limit }
    }

    fn learn(&mut self, short: f64, in_flight: f64) {
        if self.dip_left > 0 {
            return self.measure(short);
        }
        let in_use = in_flight >= self.limit / 2.0;
        self.learn_long(short, in_use);
        if !in_use {
            return;
        }
        let gradient = (self.terms.tolerance * self.long / short).clamp(0.5, 1.0);
        self.count_saturated(in_flight);
        let wanted = self.limit * gradient + self.limit.sqrt();
        let (min, max) = self.bounds();
        self.limit = (self.limit + (wanted - self.limit) * self.terms.smoothing).clamp(min, max);
    }

    fn bounds(&self) -> (f64, f64) {
        let min = self.terms.min.max(1);
        (f64::from(min), f64::from(self.terms.max.max(min)))
    }

    fn count_saturated(&mut self, in_flight: f64) {
        self.until_dip -= u32::from(in_flight >= self.limit.floor());
        if self.until_dip == 0 {
            (self.until_dip, self.dip_left) = (NEXT_DIP, DIP);
        }
    }

    fn measure(&mut self, short: f64) {
        self.dip_left -= 1;
        if self.dip_left == 0 {
            self.long = short;
        }
    }

    fn learn_long(&mut self, short: f64, in_use: bool) {
        self.windows = (self.windows + 1.0).min(LONG_WINDOWS);
        let reluctance = if in_use && short > self.long && self.long > 0.0 { RELUCTANCE } else { 1.0 };
        self.long += (short - self.long) / (self.windows * reluctance);
        if self.long > 2.0 * short {
            self.long *= 0.95;
        }
    }
}
