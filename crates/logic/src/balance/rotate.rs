//! In turn: plain round robin, and by weight.

use super::share::taker;

/// Round robin: the next of `count` instances in turn. `turn` is the caller's, kept from pick to pick, and may start
/// anywhere.
///
/// `share` gives the part that an index takes (see [`slow_start_factor`](super::slow_start_factor)), or `None` if it
/// must not be picked. The share of one that is left out goes to all others alike.
pub fn rotate(count: usize, turn: &mut u64, share: impl Fn(usize) -> Option<f64>) -> Option<usize> {
    let first = *turn;
    let candidates = (0..count as u64).map(|step| first.wrapping_add(step)).map(|turn| {
        #[expect(clippy::cast_possible_truncation, reason = "below count")]
        let index = (turn % count as u64) as usize;
        (turn, index)
    });
    let (taken, index) = taker(candidates, share)?;
    *turn = taken.wrapping_add(1);
    Some(index)
}

/// The weights of instances in a form to pick by, in turn and interleaved: a pick visits log n of them and holds no
/// state but the caller's turn.
///
/// Turn k falls on the fraction of k times the golden ratio of the sum of all weights. That sequence leaves gaps of at
/// most three lengths between the visits to an interval (the three-gap theorem, Sós 1958), so requests to an instance
/// come as evenly as its weight allows.
#[derive(Debug, Clone)]
pub struct Weights {
    /// The sum of the weights up to and including each.
    sums: Box<[u64]>,
}

impl Weights {
    /// Takes the weight of each instance. Those of weight 0 are never picked.
    pub fn new(weights: impl IntoIterator<Item = u32>) -> Self {
        let mut sum: u64 = 0;
        Self {
            sums: weights
                .into_iter()
                .map(|weight| {
                    sum += u64::from(weight);
                    sum
                })
                .collect(),
        }
    }

    /// The next instance in turn; the arguments are those of [`rotate`]. The part of one that is left out goes to the
    /// others by weight; if all that a few turns fall on are left out, to the next in the list.
    pub fn pick(&self, turn: &mut u64, share: impl Fn(usize) -> Option<f64>) -> Option<usize> {
        let sum = *self.sums.last().filter(|sum| **sum > 0)?;
        let first = *turn;
        let turns = (0..TURNS).map(|step| first.wrapping_add(step));
        let (taken, index) = taker(turns.map(|turn| (turn, self.at(turn, sum))), &share)
            .or_else(|| self.after(self.at(first, sum), &share).map(|index| (first, index)))?;
        *turn = taken.wrapping_add(1);
        Some(index)
    }

    fn at(&self, turn: u64, sum: u64) -> usize {
        let fraction = turn.wrapping_mul(GOLDEN);
        let point = ((u128::from(fraction) * u128::from(sum)) >> 64) as u64;
        self.sums.partition_point(|upto| *upto <= point)
    }

    fn after(&self, index: usize, share: impl Fn(usize) -> Option<f64>) -> Option<usize> {
        let has_weight = |index: usize| index.checked_sub(1).map_or(0, |before| self.sums[before]) < self.sums[index];
        let (before, from) = (0..index, index..self.sums.len());
        from.chain(before).find(|index| has_weight(*index) && share(*index).is_some())
    }
}

/// How many turns are tried before the list is walked.
const TURNS: u64 = 32;
/// The fraction of the golden ratio in 1/2⁶⁴.
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn turns(count: usize, picks: usize, shares: &[Option<f64>]) -> Vec<Option<usize>> {
        let mut turn = 0;
        (0..picks).map(|_| rotate(count, &mut turn, |index| shares[index])).collect()
    }

    #[test]
    fn takes_turns() {
        const ALL: Option<f64> = Some(1.0);
        for (shares, expected) in [
            (&[][..], [None; 6]),
            (&[None], [None; 6]),
            (&[ALL], [Some(0); 6]),
            (&[ALL, ALL, ALL], [Some(0), Some(1), Some(2), Some(0), Some(1), Some(2)]),
            (&[ALL, None, ALL], [Some(0), Some(2), Some(0), Some(2), Some(0), Some(2)]),
            (&[None, None, ALL], [Some(2); 6]),
            (&[Some(0.0), None], [Some(0); 6]),
        ] {
            assert_eq!(turns(shares.len(), 6, shares), expected, "{shares:?}");
        }
    }

    #[test]
    fn a_slow_starter_takes_its_part() {
        for part in [0.1, 0.5, 0.9] {
            let picks = turns(3, 30_000, &[Some(1.0), Some(part), Some(1.0)]);
            let taken = picks.iter().filter(|index| **index == Some(1)).count() as f64;
            let expected = 30_000.0 * part / (2.0 + part);
            assert!((taken / expected - 1.0).abs() < 0.02, "{part}: {taken}, not {expected}");
        }
    }

    #[test]
    fn weights_are_interleaved() {
        for (weights, expected) in
            [(&[1, 1][..], "0101001011"), (&[3, 1], "0001000010"), (&[5, 0, 1], "0002000020"), (&[0], ""), (&[], "")]
        {
            let (table, mut turn) = (Weights::new(weights.iter().copied()), 0);
            let found: String =
                (0..10).filter_map(|_| table.pick(&mut turn, |_| Some(1.0))).map(|i| i.to_string()).collect();
            assert_eq!(found, expected, "{weights:?}");
        }
    }

    #[test]
    fn one_of_a_thousand_is_found() {
        let (table, mut turn) = (Weights::new([1; 1000]), 0);
        for _ in 0..10 {
            assert_eq!(table.pick(&mut turn, |index| (index == 700).then_some(1.0)), Some(700));
        }
        assert_eq!(table.pick(&mut turn, |_| None), None);
    }

    proptest! {
        #[test]
        fn everyone_gets_its_weight_soon(
            mut weights in prop::collection::vec(1..20_u32, 1..12),
            start: u64,
            left_out in 0..12_usize,
        ) {
            let (table, mut turn) = (Weights::new(weights.iter().copied()), start);
            weights.iter_mut().skip(left_out).take(1).for_each(|weight| *weight = 0);
            let (sum, mut counts) = (weights.iter().sum::<u32>(), vec![0_u32; weights.len()]);
            for picks in 1..2000_u32 {
                let picked = table.pick(&mut turn, |index| (index != left_out).then_some(1.0));
                prop_assert_eq!(picked.is_none(), sum == 0);
                let Some(index) = picked else { return Ok(()) };
                counts[index] += 1;
                for (count, weight) in counts.iter().zip(&weights) {
                    let due = f64::from(picks * weight) / f64::from(sum);
                    prop_assert!((f64::from(*count) - due).abs() < 6.0, "{count} of {picks}, not {due}");
                }
            }
        }
    }
}
