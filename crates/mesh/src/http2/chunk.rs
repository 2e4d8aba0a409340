//! What waits to be written on one connection, and how much that may be.

use std::{cell::Cell, rc::Rc};

use bytes::{Buf, Bytes};
use model::ByteSize;

use crate::{connection, signal::Signal};

/// So many buffers of a body may wait on one connection: a peer that stops reading costs no more.
const BUFFERS: usize = 4;
/// What the crate `h2` takes for a piece of a body that waits in it, beside its bytes.
pub(super) const OVERHEAD: usize = 256;
/// The largest piece of a body that is handed over at once, so that streams take turns.
pub(super) const PIECE_MAX: usize = 16 * 1024;

/// The bytes of bodies that wait to be written on one connection, and what they cost.
pub(super) struct Queue {
    most: usize,
    bytes: Cell<usize>,
    /// The pieces so far.
    pieces: Cell<usize>,
    shrunk: Signal,
}

impl Queue {
    /// A queue for bodies of which so many bytes are held.
    pub(super) fn new(buffer: ByteSize) -> Rc<Self> {
        let most = connection::bytes(buffer).saturating_mul(BUFFERS);
        Rc::new(Self { most, bytes: Cell::default(), pieces: Cell::default(), shrunk: Signal::default() })
    }

    /// How many pieces there were so far.
    pub(super) fn pieces(&self) -> usize {
        self.pieces.get()
    }

    pub(super) fn has_room(&self) -> bool {
        self.bytes.get() < self.most
    }

    /// Ends when there is room for another piece.
    pub(super) async fn room(&self) {
        while !self.has_room() {
            self.shrunk.wait().await;
        }
    }
}

/// A piece of a body, counted until it is written.
pub(super) struct Chunk {
    bytes: Bytes,
    counted: usize,
    queue: Rc<Queue>,
}

impl Chunk {
    pub(super) fn new(bytes: Bytes, queue: &Rc<Queue>) -> Self {
        let counted = bytes.len() + OVERHEAD;
        queue.bytes.set(queue.bytes.get() + counted);
        queue.pieces.set(queue.pieces.get().wrapping_add(1));
        Self { bytes, counted, queue: queue.clone() }
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        let before = self.queue.bytes.get();
        self.queue.bytes.set(before - self.counted);
        if before >= self.queue.most && self.queue.has_room() {
            self.queue.shrunk.fire();
        }
    }
}

impl Buf for Chunk {
    fn remaining(&self) -> usize {
        self.bytes.len()
    }

    fn chunk(&self) -> &[u8] {
        &self.bytes
    }

    fn advance(&mut self, count: usize) {
        self.bytes.advance(count);
    }
}

#[cfg(test)]
mod tests {
    use model::spec::MessageLimits;

    use super::*;

    #[test]
    fn what_waits_is_counted_until_it_is_written() {
        let queue = Queue::new(MessageLimits::BUFFER_MIN);
        let piece = || Chunk::new(Bytes::from_static(&[0; PIECE_MAX]), &queue);
        let mut pieces: Vec<_> = (0..4).map(|_| piece()).collect();
        let has_room = |queue: &Queue| {
            let mut context = std::task::Context::from_waker(std::task::Waker::noop());
            std::pin::pin!(queue.room()).as_mut().poll(&mut context).is_ready()
        };
        assert!(!has_room(&queue));
        pieces[0].advance(PIECE_MAX);
        assert!(!has_room(&queue), "it is still held");
        pieces.pop();
        assert!(has_room(&queue));
        drop(pieces);
        assert_eq!(queue.bytes.get(), 0);
    }
}
