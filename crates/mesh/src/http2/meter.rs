//! Counts the frames of a client that ask for nothing, as they pass (RFC 9113 section 10.5): PING, SETTINGS, PRIORITY, WINDOW_UPDATE
//! and kinds that nobody knows. What the other kinds cost is bounded by the crate `h2`.

use std::{cell::Cell, rc::Rc, time::Duration};

use tokio::time::Instant;

/// What a client's connection begins with (RFC 9113 section 3.4).
const PREFACE_BYTES: usize = 24;
const HEAD_BYTES: usize = 9;
const SECOND: Duration = Duration::from_secs(1);
/// So many bytes to the client are worth one frame of its own: it must tell us that it has taken them.
const ANSWERED_BYTES: usize = 1024;

/// How many such frames a client may send in a second.
pub(super) struct Meter {
    max: u32,
    frames: u32,
    /// What allows for more of them.
    requests: u32,
    sent: usize,
    since: Instant,
    /// The bytes up to the next frame.
    skip: usize,
    /// The begin of a frame's head.
    head: [u8; HEAD_BYTES],
    head_bytes: usize,
    /// Set once there were too many.
    over: Rc<Cell<bool>>,
}

impl Meter {
    pub(super) fn new(max: u32, over: Rc<Cell<bool>>) -> Self {
        Self {
            max,
            frames: 0,
            requests: 0,
            sent: 0,
            since: Instant::now(),
            skip: PREFACE_BYTES,
            head: [0; HEAD_BYTES],
            head_bytes: 0,
            over,
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.over.get()
    }

    /// Some bytes went to the client.
    pub(super) fn sent(&mut self, bytes: usize) {
        self.sent += bytes;
    }

    /// Some bytes came from it.
    pub(super) fn received(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let skipped = self.skip.min(bytes.len());
            self.skip -= skipped;
            bytes = &bytes[skipped..];
            let part = bytes.len().min(HEAD_BYTES - self.head_bytes);
            self.head[self.head_bytes..][..part].copy_from_slice(&bytes[..part]);
            self.head_bytes += part;
            bytes = &bytes[part..];
            if self.head_bytes == HEAD_BYTES {
                self.head_bytes = 0;
                self.frame();
            }
        }
    }

    fn frame(&mut self) {
        const DATA: u8 = 0;
        const HEADERS: u8 = 1;
        const RST_STREAM: u8 = 3;
        const CONTINUATION: u8 = 9;
        let [high, middle, low, kind, ..] = self.head;
        self.skip = u32::from_be_bytes([0, high, middle, low]) as usize;
        match kind {
            DATA | RST_STREAM | CONTINUATION => {}
            HEADERS => self.requests += 1,
            _ => self.count(),
        }
    }

    fn count(&mut self) {
        self.frames += 1;
        let answers = u32::try_from(self.sent / ANSWERED_BYTES).unwrap_or(u32::MAX);
        if self.frames <= self.max.saturating_add(self.requests).saturating_add(answers) {
            return;
        }
        // The clock is read only here, so a frame costs little.
        let now = Instant::now();
        if now < self.since + SECOND {
            self.over.set(true);
        }
        (self.frames, self.requests, self.sent, self.since) = (0, 0, 0, now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, payload: usize) -> Vec<u8> {
        let mut frame = vec![0, 0, u8::try_from(payload).unwrap(), kind, 0, 0, 0, 0, 0];
        frame.resize(HEAD_BYTES + payload, 6);
        frame
    }

    #[tokio::test(start_paused = true)]
    async fn what_asks_for_nothing_is_counted_however_it_is_cut() {
        const PING: u8 = 6;
        for (frames, sent, expected) in [
            (vec![frame(PING, 8); 10], 0, false),
            (vec![frame(PING, 8); 11], 0, true),
            (vec![frame(4, 0); 11], 0, true),
            (vec![frame(2, 5); 11], 0, true),
            (vec![frame(8, 4); 11], 0, true),
            (vec![frame(8, 4); 11], 1024, false),
            (vec![frame(99, 200); 11], 0, true),
            (vec![frame(0, 100); 500], 0, false),
            (vec![frame(1, 100); 500], 0, false),
            ([vec![frame(1, 100); 5], vec![frame(PING, 8); 15]].concat(), 0, false),
            ([vec![frame(1, 100); 5], vec![frame(PING, 8); 16]].concat(), 0, true),
        ] {
            let bytes = [vec![0; PREFACE_BYTES], frames.concat()].concat();
            for cut in [1, 7, 9, 100, usize::MAX] {
                let over = Rc::new(Cell::new(false));
                let mut meter = Meter::new(10, over.clone());
                meter.sent(sent);
                bytes.chunks(cut.min(bytes.len())).for_each(|part| meter.received(part));
                assert_eq!(over.get(), expected, "{} {:?} {cut}", frames.len(), frames[0]);
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_second_later_it_begins_anew() {
        let over = Rc::new(Cell::new(false));
        let mut meter = Meter::new(10, over.clone());
        meter.received(&[0; PREFACE_BYTES]);
        for _ in 0..10 {
            meter.received(&frame(6, 8).repeat(9));
            tokio::time::advance(SECOND).await;
        }
        assert!(!over.get());
        meter.received(&frame(6, 8).repeat(30));
        assert!(over.get());
    }
}
