//! Topics: streams of messages.

use async_trait::async_trait;
use model::{
    Timestamp,
    streams::{ConsumerConfig, StreamConfig},
};
use tokio::sync::mpsc;

use super::{Ack, DeadLetter, Message, Publish, Start, StreamsError};

/// What an acknowledgement of a publish promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// The message survives the end of the process and the loss of power.
    Synced,
    /// It survives the end of the process; when the host writes it to its disk is up to the engine's own settings.
    Written,
}

/// What an engine can do, beyond what every engine can.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// What an acknowledgement of a publish promises, where the stream does not say otherwise.
    pub durability: Durability,
    /// [`Topics::publish_all`] stores messages of several streams together or not at all.
    pub atomic_across_streams: bool,
    /// A message can have a time to live of its own.
    pub ttl: bool,
    /// A message can be stored now and delivered later (`Nats-Schedule`).
    pub schedule: bool,
    /// A stream says how often and when its consumers' messages come again, and dead letters are kept.
    pub redelivery: bool,
    /// [`Topics::rewind`] moves a consumer and leaves it what it is, in every stream. Otherwise it makes the consumer anew, and only where
    /// nothing is lost by that.
    pub rewind: bool,
}

/// What a stream holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamState {
    /// What it is; the name is in it.
    pub config: StreamConfig,
    /// Since when it is there.
    pub created: Timestamp,
    /// Messages.
    pub messages: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// The sequence of the first message; one more than `last_sequence` if there is none, 0 if there was never one.
    pub first_sequence: u64,
    /// The sequence of the last message, whether it is still there or not.
    pub last_sequence: u64,
    /// When the first message was stored.
    pub first_at: Option<Timestamp>,
    /// When the last message was stored.
    pub last_at: Option<Timestamp>,
    /// Different subjects.
    pub subjects: u64,
    /// Consumers.
    pub consumers: u64,
}

/// How far a consumer is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsumerState {
    /// Its name.
    pub name: String,
    /// What it is.
    pub config: ConsumerConfig,
    /// Since when it is there.
    pub created: Timestamp,
    /// The sequence of the last message that was delivered for the first time.
    pub delivered: u64,
    /// All up to this sequence need not be delivered again.
    pub acknowledged: u64,
    /// Messages that were not delivered yet.
    pub pending: u64,
    /// Messages that were delivered and not acknowledged yet.
    pub ack_pending: u64,
    /// Those of them that were delivered more than once.
    pub redelivered: u64,
    /// Pull requests that wait for messages.
    pub waiting: u64,
    /// Whether nothing is delivered until later.
    pub is_paused: bool,
    /// Whether a client gets what is pushed to its delivery subject.
    pub is_bound: bool,
}

/// Streams of messages, by their names: that of a topic is `TopicName::stream`. What this returns is as durable as
/// [`Capabilities::durability`] says. Nothing here changes what a stream's consumers get, but for what says so.
#[async_trait]
pub trait Topics: Send + Sync + 'static {
    /// What the engine can do. It may change when the engine is replaced while it cannot be reached.
    fn capabilities(&self) -> Capabilities;
    /// Makes a stream, or changes the one of this name; its messages and consumers stay.
    async fn ensure(&self, config: StreamConfig) -> Result<(), StreamsError>;
    /// All streams by name, those of buckets and object stores too.
    async fn list(&self) -> Result<Vec<StreamState>, StreamsError>;
    /// One stream.
    async fn info(&self, stream: &str) -> Result<StreamState, StreamsError>;
    /// The consumers of a stream, by name.
    async fn consumers(&self, stream: &str) -> Result<Vec<ConsumerState>, StreamsError>;
    /// Publishes a message to the stream that takes its subject; [`StreamsError::Absent`] if none does.
    async fn publish(&self, message: Publish) -> Result<Ack, StreamsError>;
    /// Publishes messages of any streams together or not at all, at most 1,000 with 6 MiB in all, where the engine is
    /// [`Capabilities::atomic_across_streams`]. What they expect is checked before any is stored: only the first one of a stream may
    /// expect its last sequence. One whose id the stream remembers is acknowledged as a duplicate, and the others are stored.
    async fn publish_all(&self, messages: Vec<Publish>) -> Result<Vec<Ack>, StreamsError>;
    /// At most so many messages in their order; fewer only if there are no more.
    async fn read(&self, stream: &str, start: Start, max: usize) -> Result<Vec<Message>, StreamsError>;
    /// The messages from there on, and those that come, until the receiver is dropped; if the stream goes or the engine cannot be
    /// reached, the error is the last of it. A reader that does not read is waited for, and misses what the stream drops meanwhile.
    async fn tail(
        &self,
        stream: &str,
        start: Start,
    ) -> Result<mpsc::Receiver<Result<Message, StreamsError>>, StreamsError>;
    /// Gives a consumer the messages from there on, whether it had them or not; returns how many there are. With
    /// [`Capabilities::rewind`] it stays what it is otherwise, and what was delivered of earlier messages waits for its acknowledgement
    /// as before; with [`Start::New`] it is done with. [`StreamsError::Refused`] where a stream that keeps messages for consumers only has the message of this sequence no
    /// more (0 is the first that there is), or would keep for nobody what is passed over.
    async fn rewind(&self, stream: &str, consumer: &str, start: Start) -> Result<u64, StreamsError>;
    /// Takes a consumer away; its dead letters stay. What a stream kept for it alone may go.
    async fn remove_consumer(&self, stream: &str, consumer: &str) -> Result<(), StreamsError>;
    /// At most so many dead letters of a consumer, the oldest first, from this place among them on.
    async fn dead(&self, stream: &str, consumer: &str, from: u64, max: usize) -> Result<Vec<DeadLetter>, StreamsError>;
    /// Publishes a dead letter again, under its subject and for all consumers, and takes it from the dead letters, both or neither.
    async fn replay(&self, stream: &str, consumer: &str, sequence: u64) -> Result<Ack, StreamsError>;
    /// Takes a dead letter away for good.
    async fn remove_dead(&self, stream: &str, consumer: &str, sequence: u64) -> Result<(), StreamsError>;
    /// Takes all messages away; returns how many there were.
    async fn purge(&self, stream: &str) -> Result<u64, StreamsError>;
    /// Takes one message away.
    async fn delete(&self, stream: &str, sequence: u64) -> Result<(), StreamsError>;
}
