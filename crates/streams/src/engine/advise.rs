//! Tells watchers what happens to streams and consumers.

use std::{iter::repeat_with, sync::Arc};

use logic::consumer;

use super::{
    Engine,
    info::{nanos, time},
};
use crate::{
    jetstream::{Advisory, Happening},
    server::Message,
};

/// The length of an advisory's id.
const ID_CHARS: usize = 22;

impl Engine {
    pub(super) fn advise(&mut self, stream: u64, consumer: u64, advisory: &consumer::Advisory) {
        if matches!(advisory, consumer::Advisory::Acked { .. }) && !self.is_sample(stream, consumer) {
            return;
        }
        let Some((stream, consumer)) = self.names_of(stream, consumer) else { return };
        let consumer = &*consumer;
        let happening = match *advisory {
            consumer::Advisory::MaxDeliveries { seq, deliveries } => {
                Happening::MaxDeliveries { consumer, stream_seq: seq, deliveries }
            }
            consumer::Advisory::Naked { seq, consumer_seq, deliveries } => {
                Happening::Naked { consumer, consumer_seq, stream_seq: seq, deliveries }
            }
            consumer::Advisory::Acked { seq, consumer_seq, deliveries, delay } => {
                let ack_time = nanos(delay);
                Happening::Acked { consumer, consumer_seq, stream_seq: seq, ack_time, deliveries }
            }
            consumer::Advisory::Terminated { seq, consumer_seq, deliveries, ref reason } => {
                let reason = reason.as_deref();
                Happening::Terminated { consumer, consumer_seq, stream_seq: seq, deliveries, reason }
            }
            consumer::Advisory::Paused(until) => {
                Happening::Paused { consumer, paused: until.is_some(), pause_until: until.map(time) }
            }
        };
        self.publish_advisory(&stream, happening);
    }

    pub(super) fn advise_of_consumer(&mut self, stream: u64, consumer: u64, action: &'static str) {
        if let Some((stream, consumer)) = self.names_of(stream, consumer) {
            self.publish_advisory(&stream, Happening::Consumer { consumer: &consumer, action });
        }
    }

    pub(super) fn advise_of_stream(&mut self, stream: &str, action: &'static str) {
        self.publish_advisory(stream, Happening::Stream { action });
    }

    /// Whether this acknowledgement is one of the share that a consumer tells of.
    fn is_sample(&mut self, stream: u64, consumer: u64) -> bool {
        let machine = self.streams.get(&stream).and_then(|kept| kept.hub.get(consumer));
        let percent = machine.and_then(|machine| machine.settings().config.sample_percent());
        percent.is_some_and(|percent| self.random.u8(..100) < percent)
    }

    fn names_of(&self, stream: u64, consumer: u64) -> Option<(Arc<str>, Arc<str>)> {
        let kept = self.streams.get(&stream)?;
        Some((kept.name.clone(), kept.members.get(consumer)?.name.clone()))
    }

    fn publish_advisory(&mut self, stream: &str, happening: Happening<'_>) {
        let id = repeat_with(|| self.random.alphanumeric()).take(ID_CHARS).collect();
        let advisory = Advisory::new(stream, happening, id, time(self.clock.now()));
        let (subject, body) = (advisory.subject(), advisory.body());
        let (subject, payload) = (subject.as_bytes(), body.as_bytes());
        self.writer.letters().push(&Message { subject, reply: None, headers: b"", payload });
    }
}
