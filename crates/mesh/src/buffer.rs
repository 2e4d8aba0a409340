//! Buffers that are used again and again.

use wire::http1::{RequestHead, ResponseHead};

/// The usual size of a buffer, [`model::spec::MessageLimits::BUFFER_MIN`].
const CAPACITY: usize = 16 * 1024;
/// Room for a piece of a body, however much is held.
const PIECE: usize = 8 * 1024;

/// Bytes that were read and not yet used up, behind bytes that are held. Its memory comes with the first of them.
#[derive(Default)]
pub(crate) struct Buffer {
    bytes: Vec<u8>,
    held: usize,
    start: usize,
    end: usize,
}

impl Buffer {
    /// What was read and not yet used up.
    pub(crate) fn data(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    pub(crate) fn data_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[self.start..self.end]
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Whether there is no room behind the data, nor where data was.
    fn is_full(&self) -> bool {
        self.end == self.bytes.len() && self.start == self.held && self.end >= CAPACITY
    }

    /// Uses up bytes from the front.
    pub(crate) fn consume(&mut self, count: usize) {
        self.start += count;
        if self.start == self.end {
            self.start = self.held;
            self.end = self.held;
        }
    }

    /// Where to read to; empty if the buffer is full.
    #[inline]
    pub(crate) fn space(&mut self) -> &mut [u8] {
        if self.bytes.len() < CAPACITY {
            self.bytes.resize(CAPACITY, 0);
        }
        if self.end == self.bytes.len() && self.start > self.held {
            self.bytes.copy_within(self.start..self.end, self.held);
            self.end -= self.start - self.held;
            self.start = self.held;
        }
        &mut self.bytes[self.end..]
    }

    /// Takes note of bytes that were read into the space.
    pub(crate) fn filled(&mut self, count: usize) {
        self.end += count;
    }

    /// Takes note of bytes that came another way.
    pub(crate) fn put(&mut self, bytes: &[u8]) {
        self.bytes.truncate(self.end);
        self.bytes.extend_from_slice(bytes);
        self.filled(bytes.len());
    }

    /// Makes room for `count` bytes of data in all.
    pub(crate) fn reserve(&mut self, count: usize) {
        if self.bytes.len() < self.held + count {
            self.bytes.resize(self.held + count, 0);
        }
    }

    /// Where to read more of a head to. The parser refuses a head before it reaches the limit.
    pub(crate) fn head_space(&mut self, most: usize) -> &mut [u8] {
        if self.is_full() {
            let count = (self.data().len() * 2).min(most.max(self.data().len() + 1));
            self.reserve(count);
        }
        self.space()
    }

    /// Where to read a body to, so that no more than `most` bytes of it are data. What is held takes of the same room.
    pub(crate) fn body_space(&mut self, most: usize) -> &mut [u8] {
        self.reserve(most.saturating_sub(self.held).max(PIECE));
        let most = most.saturating_sub(self.data().len());
        let space = self.space();
        let count = space.len().min(most);
        &mut space[..count]
    }

    /// Holds bytes at the front of the data: they are no data any more, but stay until [`Buffer::release`].
    pub(crate) fn hold(&mut self, count: usize) {
        debug_assert_eq!((self.held, self.start), (0, 0), "nothing stands before what is held");
        self.held = count;
        self.consume(count);
    }

    /// Whether so many bytes of data can be held as well, and room is left.
    pub(crate) fn can_hold(&self, count: u64) -> bool {
        (self.held as u64).saturating_add(count) <= PIECE as u64
    }

    /// Holds bytes that were used up last, behind what is held.
    pub(crate) fn hold_used(&mut self, count: usize) {
        self.held += count;
        self.start = self.held;
        self.end = self.end.max(self.held);
    }

    /// Holds the first `count` bytes only; what is held behind them is data again.
    pub(crate) fn hold_only(&mut self, count: usize) {
        self.start -= self.held - count;
        self.held = count;
    }

    /// What is held.
    pub(crate) fn held(&self) -> &[u8] {
        &self.bytes[..self.held]
    }

    /// Gives up what is held; the data moves to the front.
    pub(crate) fn release(&mut self) {
        self.bytes.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        self.held = 0;
    }

    pub(crate) fn clear(&mut self) {
        *self = Self { bytes: std::mem::take(&mut self.bytes), held: 0, start: 0, end: 0 };
    }
}

/// The memory of one exchange.
#[derive(Default)]
pub(crate) struct Scratch {
    /// From the client.
    pub(crate) input: Buffer,
    pub(crate) request: RequestHead,
    /// To the upstream: the request's head.
    pub(crate) outgoing: Vec<u8>,
    /// From the upstream.
    pub(crate) reply: Buffer,
    pub(crate) response: ResponseHead,
    /// To the client: the response's head.
    pub(crate) answer: Vec<u8>,
}

impl Scratch {
    /// Empties it; memory beyond the usual is given back.
    pub(crate) fn clear(&mut self) {
        for buffer in [&mut self.input, &mut self.reply] {
            buffer.clear();
            buffer.bytes.truncate(CAPACITY);
            buffer.bytes.shrink_to(CAPACITY);
        }
        self.request.reset();
        self.response.reset();
        self.outgoing.clear();
        self.answer.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(buffer: &mut Buffer, bytes: &[u8]) {
        buffer.space()[..bytes.len()].copy_from_slice(bytes);
        buffer.filled(bytes.len());
    }

    #[test]
    fn what_is_held_stays_while_data_flows_behind_it() {
        let mut buffer = Buffer::default();
        fill(&mut buffer, b"headbody");
        buffer.hold(4);
        assert_eq!((buffer.held(), buffer.data()), (&b"head"[..], &b"body"[..]));
        buffer.consume(4);
        for _ in 0..5 {
            let space = buffer.space().len();
            assert_eq!(space, CAPACITY - 4);
            buffer.filled(space);
            assert!(buffer.space().is_empty());
            buffer.consume(space - 1);
            assert_eq!(buffer.space().len(), space - 1);
            buffer.consume(1);
        }
        fill(&mut buffer, b"next");
        assert_eq!(buffer.held(), b"head");
        buffer.release();
        assert_eq!((buffer.held(), buffer.data()), (&b""[..], &b"next"[..]));
    }

    #[test]
    fn what_was_used_up_can_be_data_again() {
        let mut buffer = Buffer::default();
        fill(&mut buffer, b"headbo");
        buffer.hold(4);
        for (more, data) in [("dy", ""), ("!", "next")] {
            let count = buffer.data().len();
            buffer.consume(count);
            buffer.hold_used(count);
            fill(&mut buffer, [more, data].concat().as_bytes());
            assert_eq!(buffer.data(), [more, data].concat().as_bytes());
        }
        buffer.consume(1);
        buffer.hold_used(1);
        assert_eq!((buffer.held(), buffer.data()), (&b"headbody!"[..], &b"next"[..]));
        buffer.hold_only(4);
        assert_eq!((buffer.held(), buffer.data()), (&b"head"[..], &b"body!next"[..]));
        assert!(buffer.can_hold(PIECE as u64 - 4) && !buffer.can_hold(PIECE as u64 - 3));
        assert!(!buffer.can_hold(u64::MAX));
    }

    #[test]
    fn no_more_of_a_body_is_held_than_may_be() {
        for (head, data, most, space) in [
            (100, 0, CAPACITY, CAPACITY - 100),
            (100, 50, CAPACITY, CAPACITY - 150),
            (100, 0, 4 * CAPACITY, 4 * CAPACITY - 100),
            (2 * CAPACITY, 0, CAPACITY, PIECE),
            (2 * CAPACITY, 0, 4 * CAPACITY, 2 * CAPACITY),
            (0, 50, CAPACITY, CAPACITY - 50),
        ] {
            let mut buffer = Buffer::default();
            buffer.reserve(head + data);
            buffer.put(&vec![1; head + data]);
            buffer.hold(head);
            assert_eq!(buffer.body_space(most).len(), space, "{head} {data} {most}");
        }
        let mut grown = Buffer::default();
        grown.reserve(4 * CAPACITY);
        assert_eq!(grown.body_space(CAPACITY).len(), CAPACITY, "a large head does not make it more");
    }
}
