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

use crate::timer::Timer;

/// What a client's connection begins with (RFC 9113 section 3.4).
const PREFACE_BYTES: usize = 24;
const HEAD_BYTES: usize = 9;
const SECOND: Duration = Duration::from_secs(1);
/// So many bytes to the client are worth one frame of its own: it must tell us that it has taken them.
const ANSWERED_BYTES: usize = 1024;

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
    /// What allows for more of them.
    requests: u32,
    sent: usize,
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
    pub(super) fn new(limits: &Http2Limits, shown: Rc<Readings>) -> Self {
        Self {
            max: limits.control_frames,
            empty_max: limits.empty_frames,
            frames: 0,
            empty: 0,
            requests: 0,
            sent: 0,
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
        let answers = u32::try_from(self.sent / ANSWERED_BYTES).unwrap_or(u32::MAX);
        if self.frames <= self.max.saturating_add(self.requests).saturating_add(answers) {
            return;
        }
        // The clock is read only here, so a frame costs little.
        let now = Instant::now();
        if now < self.since + SECOND {
            self.shown.over.set(true);
        }
        (self.frames, self.requests, self.sent, self.since) = (0, 0, 0, now);
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::time::timeout;

    use super::*;

    fn limits(control_frames: u32, empty_frames: u32) -> Http2Limits {
        Http2Limits { control_frames, empty_frames, ..model::spec::MessageLimits::edge().http2 }
    }

    fn frame(kind: u8, payload: usize) -> Vec<u8> {
        let mut frame = vec![0, 0, u8::try_from(payload).expect("it is short"), kind, 0, 0, 0, 0, 0];
        frame.resize(HEAD_BYTES + payload, 6);
        frame
    }

    #[tokio::test(start_paused = true)]
    async fn what_asks_for_nothing_is_counted_however_it_is_cut() {
        const PING: u8 = 6;
        let mut last = frame(0, 0);
        last[4] = 1;
        for (frames, sent, expected) in [
            (vec![frame(PING, 8); 10], 0, false),
            (vec![frame(PING, 8); 11], 0, true),
            (vec![frame(4, 0); 11], 0, true),
            (vec![frame(2, 5); 11], 0, true),
            (vec![frame(8, 4); 11], 0, true),
            (vec![frame(8, 4); 11], 1024, false),
            (vec![frame(99, 200); 11], 0, true),
            (vec![frame(0, 100); 500], 0, false),
            (vec![frame(0, 0); 3], 0, false),
            ([vec![frame(0, 0); 3], vec![last.clone(); 20], vec![frame(0, 1); 20]].concat(), 0, false),
            (vec![vec![frame(0, 0), frame(0, 100)]; 4].concat(), 9999, true),
            (vec![frame(1, 100); 500], 0, false),
            ([vec![frame(1, 100); 5], vec![frame(PING, 8); 15]].concat(), 0, false),
            ([vec![frame(1, 100); 5], vec![frame(PING, 8); 16]].concat(), 0, true),
        ] {
            let bytes = [vec![0; PREFACE_BYTES], frames.concat()].concat();
            for cut in [1, 7, 9, 100, usize::MAX] {
                let shown = Rc::<Readings>::default();
                let mut meter = Meter::new(&limits(10, 3), shown.clone());
                meter.sent(sent);
                bytes.chunks(cut.min(bytes.len())).for_each(|part| meter.received(part));
                assert_eq!(shown.over.get(), expected, "{} {:?} {cut}", frames.len(), frames[0]);
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_second_later_it_begins_anew() {
        let shown = Rc::<Readings>::default();
        let mut meter = Meter::new(&limits(10, 3), shown.clone());
        meter.received(&[0; PREFACE_BYTES]);
        for _ in 0..10 {
            meter.received(&frame(6, 8).repeat(9));
            tokio::time::advance(SECOND).await;
        }
        assert!(!shown.over.get());
        meter.received(&frame(6, 8).repeat(30));
        assert!(shown.over.get());
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_under_way_is_known_by_its_begin() {
        let flagged = |kind, flags| {
            let mut frame = frame(kind, 20);
            frame[4] = flags;
            frame
        };
        let (ping, data, head) = (frame(6, 8), frame(0, 100), flagged(1, 4));
        let (begins, goes_on, ends) = (flagged(1, 1), flagged(9, 0), flagged(9, 4));
        let cut = |frames: &[u8], less: usize| frames[..frames.len() - less].to_vec();
        // What comes a second each, and the second in which that began which is under way at the end.
        for (name, parts, expected) in [
            ("nothing", vec![], None),
            ("whole frames", vec![ping.clone(), data.clone(), head.clone()], None),
            ("half a frame's head", vec![ping.clone(), ping[..3].to_vec()], Some(1)),
            ("most of a frame", vec![cut(&ping, 1)], Some(0)),
            ("most of it, byte by byte", ping[..16].iter().map(|byte| vec![*byte]).collect(), Some(0)),
            ("a frame in two parts", vec![ping[..3].to_vec(), ping[3..].to_vec()], None),
            (
                "the end of one and the begin of another",
                vec![ping[..3].to_vec(), [&ping[3..], &ping[..3]].concat()],
                Some(1),
            ),
            ("a body that goes on", vec![cut(&data, 1)], Some(0)),
            ("a body in two parts", vec![cut(&data, 1), data[data.len() - 1..].to_vec()], None),
            ("half a body's frame's head", vec![data[..3].to_vec()], Some(0)),
            ("a head in one frame", vec![cut(&head, 1)], Some(0)),
            ("a head whose frames do not end", vec![begins.clone(), goes_on.clone(), goes_on.clone()], Some(0)),
            ("a head in three frames", vec![begins.clone(), goes_on, ends.clone()], None),
            ("a head in two, and another", vec![begins.clone(), ends, begins], Some(2)),
        ] {
            let shown = Rc::<Readings>::default();
            let mut meter = Meter::new(&limits(10, 3), shown.clone());
            meter.received(&[0; PREFACE_BYTES]);
            let start = Instant::now();
            for part in parts {
                meter.received(&part);
                tokio::time::advance(SECOND).await;
            }
            assert_eq!(shown.begun.get().map(|begun| (begun - start).as_secs()), expected, "{name}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_frame_of_a_body_is_late_only_where_no_stream_is_open() {
        let shown = Rc::<Readings>::default();
        Meter::new(&limits(10, 3), shown.clone()).received(&[&[0; PREFACE_BYTES][..], &frame(0, 100)[..50]].concat());
        for (is_open, late) in [(true, false), (false, true)] {
            let waited = poll_fn(|context| shown.poll_late(SECOND, is_open, context));
            assert_eq!(timeout(10 * SECOND, waited).await.is_ok(), late, "{is_open}");
        }
    }
}
