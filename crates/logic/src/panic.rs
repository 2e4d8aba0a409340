//! When so many instances are out that it is the judgement that must be wrong.

/// Whether health is to be ignored and every instance used: if less than `percent` of all are available (Envoy's panic
/// threshold, 50 there and here). 0 switches it off: with nobody available a request then fails.
pub fn panic_mode(available: usize, total: usize, percent: u32) -> bool {
    (available as u64) * 100 < (total as u64) * u64::from(percent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panics_below_the_share() {
        for (available, total, percent, expected) in [
            (0, 0, 50, false),
            (0, 1, 50, true),
            (1, 1, 50, false),
            (1, 2, 50, false),
            (1, 3, 50, true),
            (2, 3, 50, false),
            (499, 1000, 50, true),
            (500, 1000, 50, false),
            (0, 3, 0, false),
            (2, 3, 100, true),
        ] {
            assert_eq!(panic_mode(available, total, percent), expected, "{available} of {total} at {percent} %");
        }
    }
}
