//! Lists come in pages.

use serde::{Deserialize, Serialize};

/// How many names one answer has.
pub const NAMES_MAX: usize = 1_024;
/// How many streams or consumers with their states one answer has.
pub const LIST_MAX: usize = 256;
/// How many subjects of a stream one answer tells of.
pub const SUBJECTS_MAX: usize = 100_000;

/// Which part of a list an answer is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paged {
    /// How many there are in all.
    pub total: usize,
    /// How many come before.
    pub offset: usize,
    /// How many one answer has at most.
    pub limit: usize,
}

/// A page of a list: what it is of the whole, and its entries. An offset beyond the end is the end.
pub fn page<T>(all: impl ExactSizeIterator<Item = T>, offset: usize, limit: usize) -> (Paged, Vec<T>) {
    let total = all.len();
    let offset = offset.min(total);
    (Paged { total, offset, limit }, all.skip(offset).take(limit).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages() {
        for (total, offset, expected) in
            [(0, 0, (0, 0..0)), (3, 0, (0, 0..3)), (5, 0, (0, 0..4)), (5, 4, (4, 4..5)), (5, 9, (5, 5..5))]
        {
            let (paged, entries) = page(0..total, offset, 4);
            let (offset, range) = expected;
            assert_eq!(paged, Paged { total, offset, limit: 4 });
            assert_eq!(entries, range.collect::<Vec<_>>());
        }
    }
}
