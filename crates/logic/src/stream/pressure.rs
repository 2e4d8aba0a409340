//! How much publishers are slowed.

use std::time::Duration;

/// From so much on publishers are slowed.
const BEGIN_PERCENT: u64 = 50;
/// For each percent more, up to 100 ms.
const MILLIS_PER_PERCENT: u64 = 2;

/// How long nothing is read from a client that publishes, by how much of what may wait for the disk does so, in percent.
pub fn pause(pressure_percent: u64) -> Duration {
    let beyond = pressure_percent.clamp(BEGIN_PERCENT, 100) - BEGIN_PERCENT;
    Duration::from_millis(beyond * MILLIS_PER_PERCENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn publishers_are_slowed_before_they_are_refused() {
        for (percent, millis) in [(0, 0), (50, 0), (51, 2), (75, 50), (99, 98), (100, 100), (250, 100)] {
            assert_eq!(pause(percent), Duration::from_millis(millis), "{percent}");
        }
    }
}
