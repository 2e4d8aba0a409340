//! Which of two releases a request goes to, by the share of the new one.
//!
//! Every request has a point on the scale of weights, by chance or by a value that stays with its client. Points below the
//! weight of the new release go there. So a client that is on the new release stays there as the weight grows.

use model::spec::{Side, WEIGHT_MAX};

use crate::balance::hash;

/// The point of all requests with this hash, below [`WEIGHT_MAX`].
///
/// The hash is mixed once more: it may also place the request among the instances of its side (`balance::Hashed`), and the
/// clients of one side must not all be found on one stretch of it.
pub fn point(key: u64) -> u16 {
    let mixed = u128::from(hash(&key.to_be_bytes()));
    #[expect(clippy::cast_possible_truncation, reason = "below the scale")]
    let point = ((mixed * u128::from(WEIGHT_MAX)) >> 64) as u16;
    point
}

/// The side of a point, where the new release has this weight.
pub fn side(point: u16, weight: u16) -> Side {
    if point < weight { Side::New } else { Side::Old }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sides() {
        for (point, weight, expected) in [
            (0, 0, Side::Old),
            (0, 1, Side::New),
            (1, 1, Side::Old),
            (WEIGHT_MAX - 1, WEIGHT_MAX - 1, Side::Old),
            (WEIGHT_MAX - 1, WEIGHT_MAX, Side::New),
        ] {
            assert_eq!(side(point, weight), expected, "{point} of {weight}");
        }
    }

    /// Six standard deviations of a binomial distribution: one in 500 million.
    fn is_share(found: u32, of: u32, weight: u16) -> bool {
        let (of, share) = (f64::from(of), f64::from(weight) / f64::from(WEIGHT_MAX));
        (f64::from(found) - of * share).abs() <= 6.0 * (of * share * (1.0 - share)).sqrt() + 4.0
    }

    proptest! {
        #[test]
        fn the_new_release_gets_its_share_of_the_clients(first: u32, weight in 0..=WEIGHT_MAX) {
            let is_new = |client: &u32| {
                let key = hash(&first.wrapping_add(*client).to_be_bytes());
                side(point(key), weight) == Side::New
            };
            let found = (0..20_000).filter(is_new).count();
            prop_assert!(is_share(u32::try_from(found).unwrap(), 20_000, weight), "{found} at {weight}");
        }

        #[test]
        fn whoever_is_on_the_new_release_stays_as_the_weight_grows(key: u64, mut weights in prop::collection::vec(0..=WEIGHT_MAX, 2..9)) {
            weights.sort_unstable();
            let sides: Vec<_> = weights.iter().map(|weight| side(point(key), *weight)).collect();
            prop_assert!(sides.is_sorted(), "{sides:?}");
            prop_assert!(point(key) < WEIGHT_MAX);
        }
    }

    /// On the ring of `balance::Hashed` a key is where its hash is.
    #[test]
    fn the_clients_of_a_side_are_everywhere_on_the_ring() {
        let keys = (0..40_000_u32).map(|client| hash(&client.to_be_bytes()));
        let mut quarters = [0_u32; 4];
        keys.filter(|key| side(point(*key), 1_000) == Side::New).for_each(|key| quarters[(key >> 62) as usize] += 1);
        assert!(quarters.iter().all(|found| is_share(*found, 40_000, 250)), "{quarters:?}");
    }
}
