//! Sums of what comes first (Fenwick 1994): a change and a sum take the logarithm of the length.

#[derive(Debug, Default)]
pub(super) struct Tally(Vec<u64>);

impl FromIterator<u64> for Tally {
    fn from_iter<I: IntoIterator<Item = u64>>(numbers: I) -> Self {
        let mut sums: Vec<_> = numbers.into_iter().collect();
        for at in 0..sums.len() {
            let above = at | (at + 1);
            if above < sums.len() {
                sums[above] += sums[at];
            }
        }
        Self(sums)
    }
}

impl Tally {
    /// The number at a place is one less.
    pub(super) fn decrement(&mut self, mut at: usize) {
        while let Some(sum) = self.0.get_mut(at) {
            *sum -= 1;
            at |= at + 1;
        }
    }

    /// The sum of the first numbers.
    pub(super) fn before(&self, mut end: usize) -> u64 {
        let mut sum = 0;
        while end > 0 {
            sum += self.0[end - 1];
            end &= end - 1;
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_those_of_a_list() {
        for length in [0_usize, 1, 7, 64, 100] {
            let mut list: Vec<_> = (0..length as u64).map(|number| number % 9 + 3).collect();
            let mut tally: Tally = list.iter().copied().collect();
            for at in [0, length / 2, length.saturating_sub(1)].into_iter().filter(|at| *at < length) {
                list[at] -= 1;
                tally.decrement(at);
            }
            (0..=length)
                .for_each(|end| assert_eq!(tally.before(end), list[..end].iter().sum::<u64>(), "{length} {end}"));
        }
    }
}
