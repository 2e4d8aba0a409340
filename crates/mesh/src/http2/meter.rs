//! Counts the frames of a client that ask for nothing, as they pass (RFC 9113 section 10.5): PING, SETTINGS, PRIORITY, WINDOW_UPDATE,
//! kinds that nobody knows, and empty ones of bodies. What the others cost is bounded by the crate `h2`. Sees, too, since when a frame
//! or a head is under way.

use std::{
    cell::Cell,
    rc::Rc,
    task::{Context, Poll, ready},
    time::Duration,
};

use model::spec::Http2Limits;
use tokio::time::Instant;

use super::chunk::Queue;
use crate::timer::Timer;

/// What a client's connection begins with (RFC 9113 section 3.4).
const PREFACE_BYTES: usize = 24;
const HEAD_BYTES: usize = 9;
const SECOND: Duration = Duration::from_secs(1);
/// So many bytes to the client are worth one frame of its own: it must tell us that it has taken them.
const ANSWERED_BYTES: usize = 1024;
/// And a piece of a body is worth so many, however small: it may tell so of the stream and of the connection, and of the head and the rest
/// of a message apart, as the library of gRPC for C does.
const ANSWERED_PIECE: usize = 4;

/// What a meter shows to whoever serves the connection.
#[derive(Default)]
pub(super) struct Readings {
    /// There were too many frames that ask for nothing.
    pub(super) over: Cell<bool>,
    /// When the frame began that is not whole yet, or the head whose frames are not all there.
    begun: Cell<Option<Instant>>,
    /// It is one of a body.
    in_body: Cell<bool>,
    timer: Timer,
}

impl Readings {
    /// Ready when a frame or a head has been under way for longer than that; one of a body only once no stream is open: while one is, it
    /// may be of that stream, whose body has bounds of its own.
    pub(super) fn poll_late(&self, limit: Duration, is_open: bool, context: &mut Context<'_>) -> Poll<()> {
        while let Some(begun) = self.begun.get() {
            ready!(self.timer.poll(begun + limit, context));
            if !(self.in_body.get() && is_open) {
                return Poll::Ready(());
            }
            self.begun.set(Some(Instant::now()));
        }
        Poll::Pending
    }
}

/// Counts the frames of one client.
pub(super) struct Meter {
    /// How many that ask for nothing there may be in a second, and how many empty ones of bodies in all.
    max: u32,
    empty_max: u32,
    frames: u32,
    empty: u32,
    /// Those of bodies that were not yet asked for.
    of_bodies: usize,
    /// What allows for more of them.
    requests: u32,
    sent: usize,
    /// What goes to the client, and how many pieces did before.
    queue: Rc<Queue>,
    pieces: usize,
    since: Instant,
    /// The bytes up to the next frame.
    skip: usize,
    /// The begin of a frame's head.
    head: [u8; HEAD_BYTES],
    head_bytes: usize,
    /// More frames of a head must follow.
    in_head: bool,
    /// The bytes to skip are those of a body.
    in_body: bool,
    shown: Rc<Readings>,
}

impl Meter {
    pub(super) fn new(limits: &Http2Limits, queue: Rc<Queue>, shown: Rc<Readings>) -> Self {
        Self {
            max: limits.control_frames,
            empty_max: limits.empty_frames,
            frames: 0,
            empty: 0,
            of_bodies: 0,
            requests: 0,
            sent: 0,
            queue,
            pieces: 0,
            since: Instant::now(),
            skip: PREFACE_BYTES,
            head: [0; HEAD_BYTES],
            head_bytes: 0,
            in_head: false,
            in_body: false,
            shown,
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.shown.over.get()
    }

    /// Some bytes went to the client.
    pub(super) fn sent(&mut self, bytes: usize) {
        self.sent += bytes;
    }

    /// The frames of bodies that came since this was asked last.
    pub(super) fn take_frames(&mut self) -> usize {
        std::mem::take(&mut self.of_bodies)
    }

    /// Some bytes came from it.
    pub(super) fn received(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let skipped = self.skip.min(bytes.len());
            self.skip -= skipped;
            bytes = &bytes[skipped..];
            if self.is_between() {
                self.shown.begun.set(None);
            }
            let part = bytes.len().min(HEAD_BYTES - self.head_bytes);
            self.head[self.head_bytes..][..part].copy_from_slice(&bytes[..part]);
            self.head_bytes += part;
            bytes = &bytes[part..];
            if self.head_bytes == HEAD_BYTES {
                self.head_bytes = 0;
                self.frame();
            }
        }
        self.look();
    }

    /// Whether all that has begun is whole.
    fn is_between(&self) -> bool {
        self.skip == 0 && self.head_bytes == 0 && !self.in_head
    }

    fn look(&self) {
        let Readings { begun, in_body, .. } = &*self.shown;
        in_body.set(self.in_body && self.skip > 0);
        if self.is_between() {
            begun.set(None);
        } else if begun.get().is_none() {
            begun.set(Some(Instant::now()));
        }
    }

    fn frame(&mut self) {
        const DATA: u8 = 0;
        const HEADERS: u8 = 1;
        const RST_STREAM: u8 = 3;
        const CONTINUATION: u8 = 9;
        const END_STREAM: u8 = 1;
        const END_HEADERS: u8 = 4;
        let [high, middle, low, kind, flags, ..] = self.head;
        self.in_head = matches!(kind, HEADERS | CONTINUATION) && flags & END_HEADERS == 0;
        self.in_body = kind == DATA;
        self.of_bodies += usize::from(self.in_body);
        self.skip = u32::from_be_bytes([0, high, middle, low]) as usize;
        match kind {
            DATA if self.skip == 0 && flags & END_STREAM == 0 => self.count_empty(),
            DATA | RST_STREAM | CONTINUATION => {}
            HEADERS => self.requests += 1,
            _ => self.count(),
        }
    }

    fn count_empty(&mut self) {
        self.empty += 1;
        if self.empty > self.empty_max {
            self.shown.over.set(true);
        }
    }

    fn count(&mut self) {
        self.frames += 1;
        let pieces = self.queue.pieces().wrapping_sub(self.pieces);
        let answers = u32::try_from(self.sent / ANSWERED_BYTES + pieces * ANSWERED_PIECE).unwrap_or(u32::MAX);
        if self.frames <= self.max.saturating_add(self.requests).saturating_add(answers) {
            return;
        }
        // The clock is read only here, so a frame costs little.
        let now = Instant::now();
        if now < self.since + SECOND {
            self.shown.over.set(true);
        }
        (self.frames, self.requests, self.sent, self.since) = (0, 0, 0, now);
        self.pieces = self.queue.pieces();
    }
}

#[cfg(test)]
mod tests;
