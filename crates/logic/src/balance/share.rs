//! How much of its part an instance takes.

use std::time::Duration;

/// What an instance takes at least while it starts slowly.
const LEAST: f64 = 0.1;

/// The part of its usual share that an instance takes at this age, from 0.1 to 1, in a straight line over the window
/// (Envoy's slow start with aggression 1). A cost is divided by it. Without a window it is 1.
pub fn slow_start_factor(age: Duration, window: Duration) -> f64 {
    if age >= window { 1.0 } else { (age.as_secs_f64() / window.as_secs_f64()).max(LEAST) }
}

/// What one more request costs an instance of a weight: the requests that would be in flight for each unit of it. This
/// is "least request".
pub fn least_request_cost(in_flight: u32, weight: f64) -> f64 {
    (f64::from(in_flight) + 1.0) / weight
}

/// The first of the candidates, each with its turn, that takes its part: one with a share under 1 passes on the rest,
/// evenly over the turns. If all pass, the first that has a share at all; `None` if none has.
pub(super) fn taker(
    candidates: impl Iterator<Item = (u64, usize)>,
    share: impl Fn(usize) -> Option<f64>,
) -> Option<(u64, usize)> {
    let mut passed = None;
    for (turn, index) in candidates {
        match share(index) {
            Some(share) if evenly(turn) < share => return Some((turn, index)),
            Some(_) => passed = passed.or(Some((turn, index))),
            None => {}
        }
    }
    passed
}

/// A number from 0 to below 1 for each turn, such that every stretch of turns is spread evenly: the fraction of its
/// multiple of √2 (Weyl's sequence).
fn evenly(turn: u64) -> f64 {
    /// The fraction of √2 in 1/2⁶⁴.
    const ROOT: u64 = 0x6A09_E667_F3BC_C909;
    turn.wrapping_mul(ROOT) as f64 / 2.0_f64.powi(64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_slowly() {
        let [none, second, minute] = [0, 1, 60].map(Duration::from_secs);
        for (age, window, expected) in [
            (none, none, 1.0),
            (second, none, 1.0),
            (none, minute, 0.1),
            (second, minute, 0.1),
            (second * 15, minute, 0.25),
            (second * 59, minute, 59.0 / 60.0),
            (minute, minute, 1.0),
            (Duration::MAX, minute, 1.0),
        ] {
            assert!((slow_start_factor(age, window) - expected).abs() < 1e-9, "{age:?} of {window:?}");
        }
    }

    #[test]
    fn the_cost_of_least_request() {
        for (in_flight, weight, expected) in [(0, 1.0, 1.0), (3, 1.0, 4.0), (3, 2.0, 2.0), (0, 0.1, 10.0)] {
            assert!((least_request_cost(in_flight, weight) - expected).abs() < 1e-9);
        }
    }
}
