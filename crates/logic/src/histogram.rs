//! Latency in buckets whose width grows with the value: any value is known to within 1/32 of itself, at a fixed size.
//!
//! The scheme is that of HDR Histogram (G. Tene): exact up to 15 µs, from there on 16 buckets for every doubling.

/// How many buckets there are.
pub const BUCKETS: usize = 464;
/// The largest latency that is told apart, in µs: over 71 minutes. A larger one counts as this.
pub const LARGEST: u64 = (1 << 32) - 1;

/// log2 of the buckets for every doubling.
const BITS: u32 = 4;
const PER_DOUBLING: u64 = 1 << BITS;

/// The bucket of a latency in µs, below [`BUCKETS`].
pub fn bucket(micros: u64) -> usize {
    let micros = micros.min(LARGEST);
    let shift = (micros | PER_DOUBLING).ilog2() - BITS;
    let index = u64::from(shift) * PER_DOUBLING + (micros >> shift);
    #[expect(clippy::cast_possible_truncation, reason = "below BUCKETS")]
    let index = index as usize;
    index
}

/// The smallest and the largest latency of a bucket, in µs. An index past the end counts as the last.
pub fn range(bucket: usize) -> (u64, u64) {
    let bucket = bucket.min(BUCKETS - 1) as u64;
    let shift = (bucket / PER_DOUBLING).saturating_sub(1);
    let first = (bucket - shift * PER_DOUBLING) << shift;
    (first, first + (1 << shift) - 1)
}

/// The latency in µs that a share `q` (0 to 1) of the counted ones does not exceed, to within 1/32; `None` if none was
/// counted. `counts` are indexed by [`bucket`].
pub fn quantile(counts: &[u64], q: f64) -> Option<u64> {
    let total = counts.iter().fold(0, |sum: u64, count| sum.saturating_add(*count));
    #[expect(clippy::cast_possible_truncation, reason = "at most the total; above 2^53 an estimate will do")]
    let rank = ((total as f64 * q.clamp(0.0, 1.0)).ceil() as u64).clamp(1, total.max(1));
    let mut seen: u64 = 0;
    counts.iter().enumerate().find_map(|(bucket, count)| {
        seen = seen.saturating_add(*count);
        (seen >= rank).then(|| middle(bucket))
    })
}

fn middle(bucket: usize) -> u64 {
    let (first, last) = range(bucket);
    first + (last - first).div_ceil(2)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ranges_follow_each_other_without_a_gap() {
        let mut next = 0;
        for index in 0..BUCKETS {
            let (first, last) = range(index);
            assert_eq!(first, next);
            assert_eq!((bucket(first), bucket(last)), (index, index));
            next = last + 1;
        }
        assert_eq!(next, LARGEST + 1);
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn quantiles() {
        let of = |values: &[u64], q| {
            let mut counts = [0; BUCKETS];
            values.iter().for_each(|value| counts[bucket(*value)] += 1);
            quantile(&counts, q)
        };
        for (values, q, expected) in [
            (&[][..], 0.5, None),
            (&[7], 0.0, Some(7)),
            (&[7], 1.0, Some(7)),
            (&[1, 2, 3, 4], 0.5, Some(2)),
            (&[1, 2, 3, 4], 0.51, Some(3)),
            (&[1, 2, 3, 4], 1.0, Some(4)),
            (&[0, 0, 0, 15], 0.75, Some(0)),
            (&[u64::MAX], 0.5, Some(LARGEST - (1 << 27) / 2 + 1)),
        ] {
            assert_eq!(of(values, q), expected, "{values:?} {q}");
        }
    }

    proptest! {
        #[test]
        fn never_off_by_more_than_a_32nd(bits in 0_u32..32, random: u32) {
            let value = u64::from(1 << bits | random & ((1 << bits) - 1));
            let found = middle(bucket(value));
            prop_assert!(found.abs_diff(value) * 32 <= value, "{value} became {found}");
        }

        #[test]
        fn a_quantile_is_that_of_the_values_to_a_32nd(
            mut values in prop::collection::vec(0..LARGEST, 1..200),
            share in 0..=64_u8,
        ) {
            let mut counts = vec![0; BUCKETS];
            values.iter().for_each(|value| counts[bucket(*value)] += 1);
            values.sort_unstable();
            let exact = values[(values.len() * usize::from(share)).div_ceil(64).max(1) - 1];
            let found = quantile(&counts, f64::from(share) / 64.0).unwrap();
            prop_assert!(found.abs_diff(exact) * 32 <= exact, "{exact} became {found}");
        }
    }
}
