//! What has come of a body that cannot go on yet.

use std::{collections::VecDeque, mem::take};

use bytes::{Bytes, BytesMut};

use super::chunk::PIECE_MAX;

/// Pieces of fewer bytes are copied; larger ones are not worth it.
const SMALL: usize = 4 * 1024;

/// Pieces of a body, in order. Small ones are joined, so that they take little more memory than their bytes. How many bytes there are
/// is bounded by the peer's windows, which are given back only for what has gone on.
#[derive(Default)]
pub(super) struct Ahead {
    pieces: VecDeque<Bytes>,
    /// What comes behind them.
    joined: BytesMut,
}

impl Ahead {
    pub(super) fn push(&mut self, piece: Bytes) {
        let is_small = piece.len() < SMALL;
        if !is_small || self.joined.len() + piece.len() > PIECE_MAX {
            self.end_joined();
        }
        match is_small {
            true => self.joined.extend_from_slice(&piece),
            false => self.pieces.push_back(piece),
        }
    }

    pub(super) fn pop(&mut self) -> Option<Bytes> {
        if self.pieces.is_empty() {
            self.end_joined();
        }
        self.pieces.pop_front()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pieces.is_empty() && self.joined.is_empty()
    }

    fn end_joined(&mut self) {
        if !self.joined.is_empty() {
            self.pieces.push_back(take(&mut self.joined).freeze());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pieces of these lengths come out as pieces of those.
    fn check(lengths: &[usize], expected: &[usize]) {
        let pieces: Vec<_> = (0..).zip(lengths).map(|(number, length)| Bytes::from(vec![number; *length])).collect();
        let mut ahead = Ahead::default();
        pieces.iter().for_each(|piece| ahead.push(piece.clone()));
        assert_eq!(ahead.is_empty(), expected.is_empty());
        let out: Vec<_> = std::iter::from_fn(|| ahead.pop()).collect();
        assert_eq!(out.iter().map(Bytes::len).collect::<Vec<_>>(), expected, "{lengths:?}");
        assert_eq!(out.concat(), pieces.concat(), "{lengths:?}");
        assert!(ahead.is_empty());
    }

    #[test]
    fn small_pieces_are_joined() {
        check(&[], &[]);
        check(&[0], &[]);
        check(&[1; 20], &[20]);
        check(&[SMALL; 3], &[SMALL; 3]);
        check(&[1, 2, SMALL, 3, 4, SMALL, 5], &[3, SMALL, 7, SMALL, 5]);
        check(&[SMALL - 1; 6], &[4 * (SMALL - 1), 2 * (SMALL - 1)]);
    }

    #[test]
    fn what_is_joined_takes_little_more_than_its_bytes() {
        const BYTES: usize = 100_000;
        let mut ahead = Ahead::default();
        (0..BYTES).for_each(|_| ahead.push(Bytes::from_static(b"x")));
        assert!(ahead.pieces.len() * PIECE_MAX <= BYTES && ahead.joined.capacity() <= 2 * PIECE_MAX);
    }
}
