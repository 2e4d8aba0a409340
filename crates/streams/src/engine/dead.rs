//! Dead letters: what a consumer could not deliver is kept, if it asks for that.
//!
//! A consumer asks with the key `isles.dead-letter` in its metadata. What was delivered as often as it may be then goes to the stream
//! `STREAM-CONSUMER-dead` under `$DEAD.STREAM.CONSUMER.SUBJECT`, with the headers that it had and those that tell its history, in
//! one write with what the consumer remembers of it.

use logic::stream::{Stored, Wishes, check};
use model::{
    Timestamp,
    streams::{ConsumerConfig, DEAD_LETTER_KEY, StreamConfig},
};

use super::{Engine, headers::rewritten, record::Record};
use crate::jetstream::{ApiError, ErrorCode};

/// How much a stream of dead letters takes before the oldest go.
const BYTES_MAX: i64 = 1 << 30;
/// Headers that would ask something of the stream of dead letters, or tell an older history.
const WISHES: [&str; 7] =
    ["Nats-Expected-", "Nats-Rollup", "Nats-TTL", "Nats-Schedule", "Nats-Batch-", "Nats-Marker-Reason", "Isles-Dead-"];

/// Whether a consumer asks for its dead letters to be kept.
pub(super) fn is_wanted(config: &ConsumerConfig) -> bool {
    config.metadata.get(DEAD_LETTER_KEY).is_some_and(|value| value == "true")
}

/// The stream of a consumer's dead letters.
pub(crate) fn name(stream: &str, consumer: &str) -> String {
    format!("{stream}-{consumer}-dead")
}

/// What their subjects begin with.
pub(crate) fn prefix(stream: &str, consumer: &str) -> String {
    format!("$DEAD.{stream}.{consumer}.")
}

impl Engine {
    /// Makes the stream of a consumer's dead letters, if it is not there.
    ///
    /// # Errors
    /// When there is another stream of this name, or with its subjects.
    pub(super) fn ensure_dead(&mut self, stream: u64, consumer: &str) -> Result<u64, ApiError> {
        let stream = self.kept(stream)?.name.clone();
        let (name, subjects) = (name(&stream, consumer), vec![prefix(&stream, consumer) + ">"]);
        if let Ok(kept) = self.find(&name) {
            let is_ours = kept.hub.stream.config().subjects == subjects;
            let taken = || ErrorCode::ConsumerCreate.because(format!("the name {name} of its dead letters is taken"));
            return if is_ours { Ok(kept.id) } else { Err(taken()) };
        }
        let description = format!("Dead letters of consumer {consumer} of stream {stream}");
        let config = StreamConfig { name, subjects, description, max_bytes: BYTES_MAX, ..StreamConfig::default() };
        let config = check(StreamConfig { allow_direct: true, ..config })?;
        self.check_overlap(&config)?;
        Ok(self.make(config))
    }

    /// Keeps a message that a consumer gives up; says whether that was possible.
    pub(super) fn bury(&mut self, stream: u64, consumer: u64, seq: u64, deliveries: u64, last_at: Timestamp) -> bool {
        self.try_bury(stream, consumer, seq, deliveries, last_at).is_some()
    }

    fn try_bury(&mut self, stream: u64, consumer: u64, seq: u64, deliveries: u64, last_at: Timestamp) -> Option<()> {
        let kept = self.streams.get(&stream)?;
        let (name, member) = (kept.name.clone(), kept.members.get(consumer)?.name.clone());
        let at = kept.heads.get(seq)?.at;
        let bytes = self.writer.read(stream, seq).ok().flatten()?;
        let record = Record::decode(&bytes)?;
        let (seq, deliveries) = (seq.to_string(), deliveries.to_string());
        let history = [
            ("Isles-Dead-Stream", &*name),
            ("Isles-Dead-Consumer", &member),
            ("Isles-Dead-Sequence", &seq),
            ("Isles-Dead-Deliveries", &deliveries),
            ("Isles-Dead-Stored-At", &at.to_rfc3339()),
            ("Isles-Dead-Delivered-At", &last_at.to_rfc3339()),
            ("Isles-Dead-Reason", "max-deliveries"),
        ];
        let headers = rewritten(record.headers, &WISHES, &history);
        let subject = prefix(&name, &member) + record.subject;
        let to = self.ensure_dead(stream, &member).ok()?;
        self.store(to, &subject, (&headers, record.payload), Wishes::default())
    }
}
