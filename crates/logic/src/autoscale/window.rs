//! The average of a number that changes at known moments, over the last while.

use std::{collections::VecDeque, time::Duration};

use model::Timestamp;

/// How many parts a window has.
const PARTS: u32 = 60;

/// The average over a sliding window, exact but for the oldest of its parts. Its memory is fixed.
#[derive(Debug, Clone)]
pub(super) struct Window {
    part: Duration,
    /// The integrals of whole parts, oldest first, in µs times the number.
    parts: VecDeque<f64>,
    /// The part at hand.
    began: Timestamp,
    sum: f64,
    /// The number until `at`, and until another is told.
    value: f64,
    at: Timestamp,
}

impl Window {
    pub(super) fn new(length: Duration, now: Timestamp) -> Self {
        let part = (length / PARTS).max(Duration::from_millis(1));
        Self { part, parts: VecDeque::new(), began: now, sum: 0.0, value: 0.0, at: now }
    }

    /// This was the number on average since the last call.
    pub(super) fn was(&mut self, value: f64, now: Timestamp) {
        self.value = value;
        self.pass(now);
    }

    /// The average over the last so many parts of sixty and what has passed of the one at hand, or over less if it is younger.
    pub(super) fn average(&mut self, parts: u32, now: Timestamp) -> f64 {
        self.pass(now);
        let whole = self.parts.iter().rev().take(parts as usize);
        let time = self.part * u32::try_from(whole.len()).unwrap_or(PARTS) + now.since(self.began);
        let sum = whole.sum::<f64>() + self.sum;
        if time.is_zero() { self.value } else { sum / micros(time) }
    }

    fn pass(&mut self, now: Timestamp) {
        if now.since(self.began) > self.part * (PARTS + 1) {
            // Nothing has changed for longer than the window: only its end counts.
            let whole = self.value * micros(self.part);
            self.parts = std::iter::repeat_n(whole, PARTS as usize).collect();
            (self.began, self.at, self.sum) = (now, now, 0.0);
        }
        while self.began + self.part <= now {
            let end = self.began + self.part;
            self.sum += self.value * micros(end.since(self.at));
            self.parts.push_back(std::mem::take(&mut self.sum));
            if self.parts.len() > PARTS as usize {
                self.parts.pop_front();
            }
            (self.began, self.at) = (end, end);
        }
        self.sum += self.value * micros(now.since(self.at));
        self.at = self.at.max(now);
    }
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn averages() {
        let second = |s: f64| Timestamp(0) + Duration::from_secs_f64(s);
        let mut window = Window::new(Duration::from_secs(60), second(0.0));
        assert_eq!(window.average(60, second(0.0)), 0.0);
        window.was(10.0, second(0.5));
        window.was(20.0, second(1.0));
        assert_eq!(window.average(60, second(1.0)), 15.0, "exact, though it changed within a part");
        window.was(0.0, second(2.0));
        assert_eq!(window.average(60, second(2.0)), 7.5);
        assert_eq!(window.average(60, second(60.0)), 0.25);
        assert_eq!(window.average(6, second(60.0)), 0.0);
        assert_eq!(window.average(60, second(61.0)), 0.0, "it is forgotten");
        window.was(3.0, second(100_000.0));
        assert_eq!(window.average(60, second(100_000.0)), 3.0);
        assert_eq!(window.parts.len(), PARTS as usize);
    }
}
