//! The pick itself.

use std::cmp::Ordering;

/// Picks one of `count` instances by index, the cheaper of two distinct random ones; all are looked at where two draws
/// could miss the better one too often, or where some are excluded. A tie is broken by chance: where nothing else is under
/// way all cost the same.
///
/// `cost` gives the cost of an index, or `None` if it must not be picked. `random` gives a number below its argument.
pub fn pick(
    count: usize,
    cost: impl Fn(usize) -> Option<f64>,
    mut random: impl FnMut(usize) -> usize,
) -> Option<usize> {
    if count > 2 {
        let first = random(count);
        let second = (first + 1 + random(count - 1)) % count;
        if let (Some(a), Some(b)) = (cost(first), cost(second)) {
            return Some(if b < a { second } else { first });
        }
    }
    cheapest(count, cost, random)
}

fn cheapest(
    count: usize,
    cost: impl Fn(usize) -> Option<f64>,
    mut random: impl FnMut(usize) -> usize,
) -> Option<usize> {
    let mut best: Option<(usize, f64)> = None;
    // How many cost as little: each of them is taken with the same chance.
    let mut equals = 1;
    for index in 0..count {
        let Some(cost) = cost(index) else { continue };
        match best.map_or(Ordering::Less, |(_, least)| cost.total_cmp(&least)) {
            Ordering::Less => (best, equals) = (Some((index, cost)), 1),
            Ordering::Equal => {
                equals += 1;
                if random(equals) == 0 {
                    best = Some((index, cost));
                }
            }
            Ordering::Greater => {}
        }
    }
    best.map(|(index, _)| index)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn picks() {
        const NO: Option<f64> = None;
        for (costs, draws, picked) in [
            (&[][..], [0, 0], None),
            (&[NO], [0, 0], None),
            (&[Some(5.0)], [0, 0], Some(0)),
            (&[Some(5.0), Some(4.0)], [0, 0], Some(1)),
            (&[Some(5.0), Some(5.0)], [1, 0], Some(0)),
            (&[Some(5.0), Some(5.0)], [0, 0], Some(1)),
            (&[Some(5.0), Some(4.0)], [1, 0], Some(1)),
            (&[Some(5.0), NO], [0, 0], Some(0)),
            (&[Some(1.0), Some(5.0), Some(4.0)], [1, 0], Some(2)),
            (&[Some(1.0), Some(4.0), Some(4.0)], [1, 0], Some(1)),
            (&[Some(1.0), Some(5.0), Some(4.0)], [2, 0], Some(0)),
            (&[Some(1.0), NO, Some(4.0)], [1, 0], Some(0)),
            (&[NO, NO, NO], [1, 0], None),
        ] {
            let mut draws = draws.into_iter();
            let found = pick(costs.len(), |index| costs[index], |below| draws.next().unwrap() % below);
            assert_eq!(found, picked, "{costs:?}");
        }
    }

    /// Over all draws: with one excluded, and with the cheapest ones behind one that costs more.
    #[test]
    fn each_of_the_cheapest_is_as_likely() {
        for costs in [[Some(0.0), None, Some(0.0), Some(0.0)], [Some(1.0), Some(0.0), Some(0.0), Some(0.0)]] {
            let mut picked = [0; 4];
            for (second, third) in [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)] {
                let draw = |equals| if equals == 2 { second } else { third };
                picked[cheapest(4, |index| costs[index], draw).expect("there are some")] += 1;
            }
            let expected = costs.map(|cost| if cost == Some(0.0) { 2 } else { 0 });
            assert_eq!(picked, expected, "{costs:?}");
        }
    }

    #[test]
    fn looks_at_two_of_a_thousand() {
        let looks = std::cell::Cell::new(0);
        let cost = |_| {
            looks.set(looks.get() + 1);
            Some(0.0)
        };
        assert_eq!(pick(1000, cost, |below| below - 1), Some(999));
        assert_eq!(looks.get(), 2);
    }

    #[test]
    fn the_two_are_distinct_and_every_pair_occurs() {
        for count in 3..6 {
            let mut pairs = std::collections::BTreeSet::new();
            for first in 0..count {
                for second in 0..count - 1 {
                    let mut draws = [first, second].into_iter();
                    let seen = std::cell::RefCell::new(Vec::new());
                    let cost = |index| {
                        seen.borrow_mut().push(index);
                        Some(0.0)
                    };
                    pick(count, cost, |_| draws.next().unwrap());
                    let seen = seen.into_inner();
                    assert_ne!(seen[0], seen[1]);
                    pairs.insert((seen[0], seen[1]));
                }
            }
            assert_eq!(pairs.len(), count * (count - 1));
        }
    }
}
