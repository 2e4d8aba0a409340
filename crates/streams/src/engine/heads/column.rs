//! Numbers that take as many bytes as the largest of them needs.

/// One number a row: the least u64 · width u8 · of each row how much it is more, little-endian.
#[derive(Debug, Clone, Copy)]
pub(super) struct Column {
    least: u64,
    width: usize,
    /// Where the rows begin in the bytes of the block.
    start: usize,
}

impl Column {
    pub(super) fn put(to: &mut Vec<u8>, values: impl Iterator<Item = u64> + Clone) {
        let least = values.clone().min().unwrap_or(0);
        let most = values.clone().max().unwrap_or(0);
        let width = (u64::BITS - (most - least).leading_zeros()).div_ceil(8);
        to.extend_from_slice(&least.to_le_bytes());
        to.push(u8::try_from(width).expect("it is at most 8"));
        values.for_each(|value| to.extend_from_slice(&(value - least).to_le_bytes()[..width as usize]));
    }

    /// The column of so many rows that begins at a place, which is moved behind it.
    pub(super) fn take(bytes: &[u8], at: &mut usize, rows: usize) -> Option<Self> {
        let least = u64::from_le_bytes(bytes.get(*at..)?.first_chunk().copied()?);
        let width = usize::from(*bytes.get(*at + 8)?);
        let start = *at + 9;
        *at = start + rows * width;
        (width <= 8 && *at <= bytes.len()).then_some(Self { least, width, start })
    }

    /// Whether all rows have the same number.
    pub(super) fn is_constant(&self) -> bool {
        self.width == 0
    }

    pub(super) fn get(&self, bytes: &[u8], row: usize) -> u64 {
        let mut more = [0; 8];
        let start = self.start + row * self.width;
        more[..self.width].copy_from_slice(&bytes[start..start + self.width]);
        self.least.wrapping_add(u64::from_le_bytes(more))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_written() {
        for (values, bytes) in
            [(vec![], 9), (vec![7, 7, 7], 9), (vec![1000, 1255, 1001], 12), (vec![1, 257], 13), (vec![0, u64::MAX], 25)]
        {
            let mut to = vec![0; 3];
            Column::put(&mut to, values.iter().copied());
            let mut at = 3;
            let column = Column::take(&to, &mut at, values.len()).unwrap();
            let read: Vec<_> = (0..values.len()).map(|row| column.get(&to, row)).collect();
            assert_eq!((read, at, to.len() - 3), (values, to.len(), bytes));
            assert!(Column::take(&to[..to.len() - 1], &mut 3, bytes).is_none());
        }
    }
}
