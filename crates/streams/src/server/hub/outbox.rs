//! What waits to be written to one client.

use std::{collections::VecDeque, io::IoSlice};

use bytes::Bytes;
use wire::nats::write_message_line;

use crate::server::Message;

/// A chunk that has so much is full.
const CHUNK_BYTES: usize = 32 << 10;
/// Chunks that are kept for later.
const SPARE_CHUNKS_MAX: usize = 128;
/// How many pieces one write takes.
pub(crate) const SLICES_MAX: usize = 32;

/// Memory for chunks that all clients share, so that a client without work has none.
#[derive(Default)]
pub(crate) struct Pool(Vec<Vec<u8>>);

impl Pool {
    fn take(&mut self) -> Vec<u8> {
        self.0.pop().unwrap_or_else(|| Vec::with_capacity(CHUNK_BYTES + CHUNK_BYTES / 4))
    }

    fn give(&mut self, mut chunk: Vec<u8>) {
        if chunk.capacity() <= 2 * CHUNK_BYTES && self.0.len() < SPARE_CHUNKS_MAX {
            chunk.clear();
            self.0.push(chunk);
        }
    }
}

/// Bytes in the order in which they are written.
#[derive(Default)]
pub(crate) struct Outbox {
    full: VecDeque<Chunk>,
    tail: Vec<u8>,
    /// How much of the first piece has been written.
    begun: usize,
    pending: usize,
    written: u64,
}

enum Chunk {
    Own(Vec<u8>),
    Shared(Bytes),
}

impl Chunk {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Own(bytes) => bytes,
            Self::Shared(bytes) => bytes,
        }
    }
}

impl Outbox {
    /// Bytes that wait.
    pub(crate) fn pending(&self) -> usize {
        self.pending
    }

    /// Bytes that were written so far.
    pub(crate) fn written(&self) -> u64 {
        self.written
    }

    /// Adds what `write` appends.
    pub(crate) fn append(&mut self, pool: &mut Pool, write: impl FnOnce(&mut Vec<u8>)) {
        if self.tail.capacity() == 0 {
            self.tail = pool.take();
        } else if self.tail.len() >= CHUNK_BYTES {
            self.close_tail(pool);
        }
        let before = self.tail.len();
        write(&mut self.tail);
        self.pending += self.tail.len() - before;
    }

    /// Adds a message whose headers, payload and last line end, which are `body`, others get as well.
    pub(crate) fn append_shared(&mut self, pool: &mut Pool, message: &Message<'_>, sid: &[u8], body: &Bytes) {
        let Message { subject, reply, headers, payload } = *message;
        self.append(pool, |out| write_message_line(subject, sid, reply, headers.len(), payload.len(), out));
        self.close_tail(pool);
        self.full.push_back(Chunk::Shared(body.clone()));
        self.pending += body.len();
    }

    /// Drops everything that waits.
    pub(crate) fn clear(&mut self, pool: &mut Pool) {
        self.close_tail(pool);
        while let Some(chunk) = self.full.pop_front() {
            recycle(chunk, pool);
        }
        (self.begun, self.pending) = (0, 0);
    }

    fn close_tail(&mut self, pool: &mut Pool) {
        let tail = std::mem::replace(&mut self.tail, pool.take());
        self.full.push_back(Chunk::Own(tail));
    }

    /// The first pieces that wait; says how many.
    pub(crate) fn slices<'a>(&'a self, slices: &mut [IoSlice<'a>; SLICES_MAX]) -> usize {
        let pieces = self.full.iter().map(Chunk::bytes).chain([self.tail.as_slice()]);
        let (mut count, mut skip) = (0, self.begun);
        for piece in pieces {
            if count == SLICES_MAX {
                break;
            }
            if piece.len() > skip {
                slices[count] = IoSlice::new(&piece[skip..]);
                count += 1;
            }
            skip = 0;
        }
        count
    }

    /// The first so many bytes have been written.
    pub(crate) fn advance(&mut self, pool: &mut Pool, written: usize) {
        self.pending -= written;
        self.written += written as u64;
        self.begun += written;
        while let Some(first) = self.full.front() {
            let length = first.bytes().len();
            if self.begun < length {
                return;
            }
            self.begun -= length;
            self.full.pop_front().into_iter().for_each(|chunk| recycle(chunk, pool));
        }
        if self.pending == 0 {
            self.begun = 0;
            pool.give(std::mem::take(&mut self.tail));
        }
    }
}

fn recycle(chunk: Chunk, pool: &mut Pool) {
    if let Chunk::Own(bytes) = chunk {
        pool.give(bytes);
    }
}
