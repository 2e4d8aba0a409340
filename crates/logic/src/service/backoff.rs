//! The pause before a program is started again.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(30);

/// The pause after so many failures in a row: none after the first of an instance that was healthy, else 100 ms
/// doubled each time up to 30 s, of which `jitter` (0 to 1) takes away up to half.
pub(super) fn pause(failures: u32, was_healthy: bool, jitter: f64) -> Duration {
    if failures <= 1 && was_healthy {
        return Duration::ZERO;
    }
    let full = FIRST.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(LONGEST);
    full.mul_f64(1.0 - jitter.clamp(0.0, 1.0) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_up_to_its_cap() {
        let pauses: Vec<_> = [1, 2, 3, 9, 10, 1000].iter().map(|n| pause(*n, false, 0.0).as_millis()).collect();
        assert_eq!(pauses, [100, 200, 400, 25_600, 30_000, 30_000]);
        assert_eq!(pause(1, true, 0.5), Duration::ZERO);
        assert_eq!(pause(2, false, 1.0).as_millis(), 100);
    }
}
