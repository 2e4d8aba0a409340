//! Dead letters: what a consumer could not deliver is kept, if it asks for that.
//!
//! A consumer asks with the key `isles.dead-letter` in its metadata. What was delivered as often as it may be, and what a client
//! terminated, then goes to the stream that takes `$DEAD.STREAM.CONSUMER.>`, with the headers that it had and those that tell its
//! history, in one write with what the consumer remembers of it.

use logic::{
    consumer::{Cause, Death},
    stream::{Stored, Wishes, check},
};
use model::streams::{ConsumerConfig, DEAD_LETTER_KEY, StreamConfig, is_name};

use super::{Engine, headers::rewritten, record::Record};
use crate::jetstream::{ApiError, ErrorCode};

/// How much a stream of dead letters takes before the oldest go.
const BYTES_MAX: i64 = 1 << 30;
/// What is kept of a client's words.
const REASON_CHARS_MAX: usize = 256;
/// Headers that would ask something of the stream of dead letters, or tell an older history.
const WISHES: [&str; 7] =
    ["Nats-Expected-", "Nats-Rollup", "Nats-TTL", "Nats-Schedule", "Nats-Batch-", "Nats-Marker-Reason", "Isles-Dead-"];

/// Whether a consumer asks for its dead letters to be kept.
pub(super) fn is_wanted(config: &ConsumerConfig) -> bool {
    config.metadata.get(DEAD_LETTER_KEY).is_some_and(|value| value == "true")
}

/// What a stream for a consumer's dead letters is called. No two have one name, for the number tells where that of the stream ends;
/// what is looked for are its subjects, so that one with another name serves as well.
fn name(stream: &str, consumer: &str) -> String {
    format!("DEAD-{}-{stream}-{consumer}", stream.len())
}

/// What such a stream takes.
pub(crate) fn subjects(stream: &str, consumer: &str) -> Vec<String> {
    vec![prefix(stream, consumer) + ">"]
}

/// What their subjects begin with.
pub(crate) fn prefix(stream: &str, consumer: &str) -> String {
    format!("$DEAD.{stream}.{consumer}.")
}

impl Engine {
    /// Makes the stream of a consumer's dead letters, if there is none with its subjects.
    ///
    /// # Errors
    /// When another stream has its name or one of its subjects, or it would be too long.
    pub(super) fn ensure_dead(&mut self, stream: u64, consumer: &str) -> Result<u64, ApiError> {
        let stream = self.kept(stream)?.name.clone();
        if let Some(id) = self.find_dead(&stream, consumer) {
            return Ok(id);
        }
        let (name, subjects) = (name(&stream, consumer), subjects(&stream, consumer));
        let refused =
            |why: &str| ErrorCode::ConsumerCreate.because(format!("the name {name} of its dead letters is {why}"));
        if !is_name(&name) {
            return Err(refused("too long"));
        }
        if self.find(&name).is_ok() {
            return Err(refused("taken"));
        }
        let description = format!("Dead letters of consumer {consumer} of stream {stream}");
        let config = StreamConfig { name, subjects, description, max_bytes: BYTES_MAX, ..StreamConfig::default() };
        let config = check(StreamConfig { allow_direct: true, ..config })?;
        self.check_overlap(&config)?;
        Ok(self.make(config))
    }

    fn find_dead(&self, stream: &str, consumer: &str) -> Option<u64> {
        let mut found = Vec::new();
        self.filters.matching(&(prefix(stream, consumer) + "x"), &mut found);
        let subjects = subjects(stream, consumer);
        found
            .into_iter()
            .find(|id| self.streams.get(id).is_some_and(|kept| kept.hub.stream.config().subjects == subjects))
    }

    /// Keeps a message that a consumer gives up; says whether that was possible.
    pub(super) fn bury(&mut self, stream: u64, consumer: u64, seq: u64, death: &Death) -> bool {
        self.try_bury(stream, consumer, seq, death).is_some()
    }

    fn try_bury(&mut self, stream: u64, consumer: u64, seq: u64, death: &Death) -> Option<()> {
        let kept = self.streams.get(&stream)?;
        let (name, member) = (kept.name.clone(), kept.members.get(consumer)?.name.clone());
        let at = kept.heads.get(seq)?.at;
        let bytes = self.writer.read(stream, seq).ok().flatten()?;
        let record = Record::decode(&bytes)?;
        let (seq, deliveries) = (seq.to_string(), death.deliveries.to_string());
        let history = [
            ("Isles-Dead-Stream", &*name),
            ("Isles-Dead-Consumer", &member),
            ("Isles-Dead-Sequence", &seq),
            ("Isles-Dead-Deliveries", &deliveries),
            ("Isles-Dead-Stored-At", &at.to_rfc3339()),
            ("Isles-Dead-First-Delivered-At", &death.first_at.to_rfc3339()),
            ("Isles-Dead-Delivered-At", &death.last_at.to_rfc3339()),
            ("Isles-Dead-Reason", &reason(&death.cause)),
        ];
        let headers = rewritten(record.headers, &WISHES, &history);
        let subject = prefix(&name, &member) + record.subject;
        let to = self.ensure_dead(stream, &member).ok()?;
        self.store(to, &subject, (&headers, record.payload), Wishes::default())
    }
}

/// In one line, without an end that is not visible.
fn reason(cause: &Cause) -> String {
    match cause {
        Cause::Exhausted => "max-deliveries".into(),
        Cause::Terminated(None) => "terminated".into(),
        Cause::Terminated(Some(words)) => {
            let line: String =
                words.chars().map(|c| if c.is_control() { ' ' } else { c }).take(REASON_CHARS_MAX).collect();
            format!("terminated: {}", line.trim())
        }
    }
}
