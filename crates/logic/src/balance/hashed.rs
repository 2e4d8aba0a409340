//! The same instance for the same key: consistent hashing with bounded load.
//!
//! Up to 32 instances by rendezvous (Thaler and Ravishankar, 1996), which is even and costs a hash for each; above that
//! on a ring (Karger et al., 1997), which costs a search. In both, an instance that comes or goes moves no keys but its
//! own. No instance takes much more than the average in flight; what is beyond that goes to the key's next one
//! (Mirrokni, Thorup and Zadimoghaddam, 2016). For the average all of them are looked at: by each pick of a few, by every
//! so many picks of many.

/// From here on the ring is used.
const RENDEZVOUS_MAX: usize = 32;
/// The points of an instance on the ring.
const POINTS: u64 = 64;
/// How many instances a pick looks at for the average. Where there are more, it is as old as a part of as many picks.
const LOOKED_AT: usize = 4;

/// The instances of a service in a form to pick by key. Built once per epoch.
#[derive(Debug, Clone)]
pub struct Hashed {
    ids: Box<[u64]>,
    /// Points and the indices of their instances, in order; empty where rendezvous is used.
    ring: Box<[(u64, usize)]>,
}

impl Hashed {
    /// Takes the hash of each instance's name, which must not depend on what else is in the list.
    pub fn new(ids: impl IntoIterator<Item = u64>) -> Self {
        let ids: Box<[u64]> = ids.into_iter().collect();
        let mut ring = Vec::new();
        if ids.len() > RENDEZVOUS_MAX {
            let points = |(index, id): (usize, &u64)| {
                let id = *id;
                (0..POINTS).map(move |point| (mixed(id, point), index))
            };
            ring = ids.iter().enumerate().flat_map(points).collect();
            ring.sort_unstable();
        }
        Self { ids, ring: ring.into() }
    }

    /// The instance for the hash of a key: the first in the key's order that has room, else the first at all.
    ///
    /// `in_flight` gives the requests in flight of an index, or `None` if it must not be picked. `bound` is
    /// [`Load::bound`].
    pub fn pick(&self, key: u64, bound: u32, in_flight: impl Fn(usize) -> Option<u32>) -> Option<usize> {
        let fits = |index: usize| in_flight(index).is_some_and(|in_flight| in_flight < bound);
        self.first(key, fits).or_else(|| self.first(key, |index| in_flight(index).is_some()))
    }

    fn first(&self, key: u64, fits: impl Fn(usize) -> bool) -> Option<usize> {
        if self.ring.is_empty() {
            return (0..self.ids.len()).filter(|index| fits(*index)).max_by_key(|index| mixed(self.ids[*index], key));
        }
        let start = self.ring.partition_point(|(point, _)| *point < key);
        let (before, from) = self.ring.split_at(start);
        from.iter().chain(before).map(|(_, index)| *index).find(|index| fits(*index))
    }
}

/// The requests in flight of the instances that may be picked, as they were a few picks ago.
#[derive(Debug, Clone, Copy, Default)]
pub struct Load {
    in_flight: u64,
    available: usize,
    /// How many more picks it is good for.
    picks_left: usize,
}

impl Load {
    /// That for the next pick. `loads` gives the requests in flight of each of `count` instances, unless it must not be picked.
    #[must_use]
    pub fn next(self, count: usize, loads: impl Iterator<Item = Option<u32>>) -> Self {
        if let Some(picks_left) = self.picks_left.checked_sub(1) {
            return Self { picks_left, ..self };
        }
        let new = Self { picks_left: (count / LOOKED_AT).saturating_sub(1), ..Self::default() };
        loads.flatten().fold(new, |load, one| Self {
            in_flight: load.in_flight + u64::from(one),
            available: load.available + 1,
            ..load
        })
    }

    /// See [`load_bound`].
    pub fn bound(&self, percent: u32) -> u32 {
        load_bound(self.in_flight, self.available, percent)
    }
}

/// How many requests an instance may have in flight, the new one among them, when those `available` have `in_flight`
/// together: so many per cent of the average, at least 100, rounded up. 125 is usual; one of them always has room.
fn load_bound(in_flight: u64, available: usize, percent: u32) -> u32 {
    let percents = (u128::from(in_flight) + 1) * u128::from(percent.max(100));
    u32::try_from(percents.div_ceil(100 * available.max(1) as u128)).unwrap_or(u32::MAX)
}

/// The hash of a key or an instance's name, the same in every process.
pub fn hash(bytes: &[u8]) -> u64 {
    mixed(fnv1a(bytes), 0)
}

/// FNV-1a of 64 bits (Fowler, Noll and Vo).
fn fnv1a(bytes: &[u8]) -> u64 {
    let fold = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01B3);
    bytes.iter().fold(0xCBF2_9CE4_8422_2325, fold)
}

/// Two numbers to one in which every bit depends on all of theirs: the finalizer of `SplitMix64` (Steele, Lea and
/// Flood, 2014).
fn mixed(a: u64, b: u64) -> u64 {
    let mut mixed = a ^ b.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ mixed >> 31
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hashed(names: impl IntoIterator<Item = usize>) -> Hashed {
        Hashed::new(names.into_iter().map(|name| hash(format!("orders/{name}").as_bytes())))
    }

    fn key(number: u32) -> u64 {
        hash(&number.to_be_bytes())
    }

    #[test]
    fn hashes_never_change() {
        let published = [0xCBF2_9CE4_8422_2325, 0xAF63_DC4C_8601_EC8C, 0x8594_4171_F739_67E8];
        assert_eq!([&b""[..], b"a", b"foobar"].map(fnv1a), published);
        assert_eq!([&b""[..], b"a"].map(hash), [16_848_853_895_932_712_992, 9_451_894_974_833_730_488]);
    }

    #[test]
    fn only_the_keys_of_the_one_that_went_move() {
        for count in [2, 3, 4, 32, 34, 100] {
            let (all, fewer) = (hashed(0..count), hashed(0..count - 1));
            let mut moved = 0;
            for number in 0..10_000 {
                let before = all.pick(key(number), 1, |_| Some(0));
                let after = fewer.pick(key(number), 1, |_| Some(0));
                let left_out = all.pick(key(number), 1, |index| (index < count - 1).then_some(0));
                assert_eq!(after, left_out);
                assert!(after == before || before == Some(count - 1));
                moved += u32::from(after != before);
            }
            let expected = 10_000.0 / count as f64;
            assert!((f64::from(moved) / expected - 1.0).abs() < 0.6, "{moved} of {expected} at {count}");
        }
    }

    #[test]
    fn keys_are_spread() {
        for (count, deviation) in [(2, 0.05), (3, 0.05), (32, 0.15), (100, 0.45)] {
            let (table, mut counts) = (hashed(0..count), vec![0_u32; count]);
            (0..100_000).for_each(|number| counts[table.pick(key(number), 1, |_| Some(0)).unwrap()] += 1);
            let expected = 100_000.0 / count as f64;
            for found in counts {
                assert!((f64::from(found) / expected - 1.0).abs() < deviation, "{found}, not {expected}, at {count}");
            }
        }
    }

    #[test]
    fn nobody_takes_more_than_the_bound() {
        for count in [2, 4, 50] {
            let (table, mut in_flight) = (hashed(0..count), vec![0_u32; count]);
            for total in 0..1000 {
                let bound = load_bound(total, count, 125);
                // One key for half of all requests.
                let key = key(if total % 2 == 0 { 7 } else { u32::try_from(total).unwrap() });
                let picked = table.pick(key, bound, |index| Some(in_flight[index])).unwrap();
                in_flight[picked] += 1;
                assert!(in_flight[picked] <= bound);
            }
            let most = f64::from(*in_flight.iter().max().unwrap());
            assert!(most <= (1000.0 / count as f64 * 1.25).ceil());
        }
    }

    /// With many instances it is looked up now and then, and no more of them than a few a pick.
    #[test]
    fn what_is_known_of_the_load_is_seldom_old() {
        for count in [1, 7, 8, 15, 16, 100, 1000] {
            let (table, mut in_flight) = (hashed(0..count), vec![0_u32; count]);
            let (mut load, mut looked_at) = (Load::default(), 0);
            let picks = 10 * count;
            for number in 0..picks {
                load = load.next(count, in_flight.iter().map(|one| Some(*one)).inspect(|_| looked_at += 1));
                let exact = load_bound(number as u64, count, 125);
                assert!((exact - 1..=exact).contains(&load.bound(125)), "{number} of {count}");
                let picked = table.pick(key(7), load.bound(125), |index| Some(in_flight[index])).unwrap();
                in_flight[picked] += 1;
            }
            assert!(looked_at <= picks * 2 * LOOKED_AT, "{looked_at} in {picks} picks of {count}");
            let most = f64::from(*in_flight.iter().max().unwrap());
            assert!(most <= (10.0_f64 * 1.25).ceil() + 1.0, "{most} of {count}");
        }
        let of_some = Load::default().next(3, [Some(4), None, Some(4)].into_iter());
        assert_eq!(of_some.bound(100), load_bound(8, 2, 100));
    }

    #[test]
    fn a_key_spills_over_in_its_own_order() {
        for count in [4, 40] {
            let table = hashed(0..count);
            for number in 0..100 {
                let mut order = Vec::new();
                while let Some(next) = table
                    .pick(key(number), 1, |index| Some(u32::from(order.contains(&index))))
                    .filter(|next| !order.contains(next))
                {
                    order.push(next);
                }
                assert_eq!(order.len(), count);
                let full = table.pick(key(number), 1, |_| Some(1));
                assert_eq!(full, Some(order[0]), "its own, if none has room");
            }
        }
        assert_eq!(hashed(0..3).pick(1, 1, |_| None), None);
        assert_eq!(hashed(0..0).pick(1, 1, |_| Some(0)), None);
    }

    #[test]
    fn bounds() {
        for (in_flight, available, percent, expected) in [
            (0, 1, 125, 2),
            (0, 3, 125, 1),
            (3, 4, 125, 2),
            (99, 4, 125, 32),
            (9, 10, 125, 2),
            (9, 10, 100, 1),
            (9, 10, 0, 1),
            (99, 10, 200, 20),
            (0, 0, 125, 2),
            (u64::MAX, 1, u32::MAX, u32::MAX),
        ] {
            assert_eq!(
                load_bound(in_flight, available, percent),
                expected,
                "{in_flight} of {available} at {percent} %"
            );
        }
    }
}
