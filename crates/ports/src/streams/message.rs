//! What goes into streams and comes out of them.

use std::time::Duration;

use model::Timestamp;

/// Fields beside the payload: names and values. A name may come more than once.
pub type Headers = Vec<(String, String)>;

/// A message to publish.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Publish {
    /// Its subject, without wildcards: that of a topic is the topic's name.
    pub subject: String,
    /// Its headers.
    pub headers: Headers,
    /// Its content.
    pub payload: Vec<u8>,
    /// Its id: while the stream remembers it, another with the same id is not stored.
    pub id: Option<String>,
    /// The last sequence that the stream must have.
    pub expect_last: Option<u64>,
    /// How long it is kept, in whole seconds and at least one; needs [`Capabilities::ttl`](super::Capabilities::ttl) and a stream that
    /// allows it.
    pub ttl: Option<Duration>,
}

/// A message is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ack {
    /// The stream that took it.
    pub stream: String,
    /// Its sequence there; that of the first one, if it is a duplicate.
    pub sequence: u64,
    /// Whether one with its id was there already, so that this one was not stored.
    pub duplicate: bool,
}

/// A stored message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Its place in the stream.
    pub sequence: u64,
    /// Its subject.
    pub subject: String,
    /// Its headers.
    pub headers: Headers,
    /// Its content.
    pub payload: Vec<u8>,
    /// When it was stored.
    pub at: Timestamp,
}

/// Where to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// At this sequence, or the next that there is; 0 and 1 for all messages.
    Sequence(u64),
    /// At the first message stored then or later.
    Time(Timestamp),
    /// After the last message.
    New,
}

/// A message that a consumer gave up: it was delivered as often as it may be and not acknowledged, or its client terminated it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// Its place among the dead letters of its consumer.
    pub sequence: u64,
    /// The message as it was, under its own subject, sequence and time.
    pub message: Message,
    /// How often it was delivered.
    pub deliveries: u64,
    /// When it was delivered first, where that was noted.
    pub first_delivered_at: Option<Timestamp>,
    /// When it was delivered last.
    pub delivered_at: Option<Timestamp>,
    /// Why it is here: `max-deliveries`, `terminated`, or `terminated: ` and the client's words.
    pub reason: String,
}
