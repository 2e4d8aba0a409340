//! Which worker serves a new connection, so that two busy ones do not meet on one worker while another has nothing to do.

/// Of a worker's connections, the part by which another one may have fewer without being given any.
const TOLERATED: u32 = 8;

/// The worker that takes a connection which the worker `own` has accepted; `open` are the connections of each. It goes to
/// another one only if that has clearly fewer, as both pay for handing it over: where there are few connections each of them
/// counts, where there are many an eighth is nothing.
pub fn worker(own: usize, open: impl Iterator<Item = u32> + Clone) -> usize {
    let mine = open.clone().nth(own).unwrap_or_default();
    let fewest = open.enumerate().min_by_key(|(_, open)| *open);
    fewest.filter(|(_, fewest)| mine > fewest + fewest / TOLERATED).map_or(own, |(number, _)| number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_goes_where_clearly_fewer_are() {
        for (own, open, expected) in [
            (0, &[0][..], 0),
            (0, &[9], 0),
            (0, &[0, 0], 0),
            (1, &[0, 0], 1),
            (0, &[1, 0], 1),
            (1, &[1, 0], 1),
            (1, &[7, 8], 0),
            (1, &[80, 90], 1),
            (1, &[80, 91], 0),
            (2, &[3, 1, 5, 1], 1),
            (1, &[3, 1, 5, 1], 1),
        ] {
            assert_eq!(worker(own, open.iter().copied()), expected, "{own} {open:?}");
        }
    }

    /// Whoever accepts, and if one worker accepts all of them.
    #[test]
    fn connections_that_stay_are_spread() {
        for workers in [1, 2, 3, 8] {
            for accepts in [|_| 0, |number: usize| number * 7] {
                let mut open = vec![0_u32; workers];
                for number in 0..1000 {
                    let chosen = worker(accepts(number) % workers, open.iter().copied());
                    open[chosen] += 1;
                }
                let (most, fewest) = (open.iter().max().unwrap(), open.iter().min().unwrap());
                assert!(most - fewest <= 1 + fewest / TOLERATED, "{open:?}");
            }
        }
    }
}
