//! Quantiles of what was measured between two moments.

use model::figures::Latency;

/// The latency in microseconds that so many of a thousand requests between two moments did not exceed: interpolated in
/// the bucket where it lies, and at most the longest ever. `None` if there was no request.
pub(super) fn quantile(before: &Latency, after: &Latency, permille: u64) -> Option<u64> {
    let total = after.count.saturating_sub(before.count);
    if total == 0 {
        return None;
    }
    let rank = u64::try_from((u128::from(total) * u128::from(permille)).div_ceil(1000)).unwrap_or(u64::MAX);
    let (mut lower, mut below) = (0, 0);
    for (upper, cumulated) in &after.buckets {
        let upto = cumulated.saturating_sub(cumulated_at(before, *upper));
        if upto >= rank && upto > below {
            return Some(interpolated(lower, *upper, rank - below, upto - below).min(after.max_micros));
        }
        (lower, below) = (*upper, upto.max(below));
    }
    Some(after.max_micros)
}

fn cumulated_at(latency: &Latency, micros: u64) -> u64 {
    latency.buckets.iter().take_while(|(upper, _)| *upper <= micros).last().map_or(0, |(_, count)| *count)
}

fn interpolated(lower: u64, upper: u64, part: u64, whole: u64) -> u64 {
    let width = u128::from(upper - lower) * u128::from(part) / u128::from(whole);
    lower + u64::try_from(width).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn latency(buckets: &[(u64, u64)], count: u64, max_micros: u64) -> Latency {
        Latency { count, max_micros, buckets: buckets.to_vec(), ..Latency::default() }
    }

    #[test]
    fn quantiles_of_an_interval() {
        let before = latency(&[(1_000, 10), (2_000, 20), (8_000, 20)], 20, 1_900);
        for (after, permille, expected) in [
            // Nothing in between.
            (before.clone(), 500, None),
            // All in one bucket: by its width.
            (latency(&[(1_000, 10), (2_000, 120), (8_000, 120)], 120, 1_900), 500, Some(1_500)),
            // Only the new ones count, in the bucket where they are.
            (latency(&[(1_000, 10), (2_000, 20), (8_000, 30)], 30, 7_000), 990, Some(7_000)),
            (latency(&[(1_000, 10), (2_000, 20), (8_000, 30)], 30, 9_000), 500, Some(5_000)),
            // Beyond the last bucket: the longest.
            (latency(&[(1_000, 10), (2_000, 20), (8_000, 20)], 21, 60_000), 500, Some(60_000)),
            // A bucket that was empty before need not have been listed.
            (latency(&[(500, 4), (1_000, 14), (2_000, 24), (8_000, 24)], 24, 1_900), 1000, Some(500)),
            // It began anew in between, with fewer.
            (latency(&[], 3, 100), 500, None),
        ] {
            assert_eq!(quantile(&before, &after, permille), expected, "{after:?}");
        }
    }
}
