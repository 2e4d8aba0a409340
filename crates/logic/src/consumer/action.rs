//! What a consumer asks for.

use std::time::Duration;

use model::Timestamp;

use super::{Change, Status};

/// What a consumer asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Send a message.
    Deliver(Delivery),
    /// Send a status instead of a message.
    Tell(Target, Status),
    /// This request has ended without a word.
    Forget(u64),
    /// Write a change down. It may be written lazily: what is lost is delivered again.
    Record(Change),
    /// Answer this acknowledgement when all changes before are on disk.
    Answer(u64),
    /// The consumer is done with this message: with interest and work-queue retention it may go (see [`super::Consumer::needs`]).
    Release(u64),
    /// Tell whoever watches.
    Advise(Advisory),
    /// Keep this message, by its sequence, in the dead-letter stream, in one write with what follows.
    DeadLetter(u64, Death),
    /// Nobody has used it for too long: delete it.
    Delete,
}

/// What became of a message that is given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Death {
    /// How often it was delivered.
    pub deliveries: u64,
    /// When it was delivered first.
    pub first_at: Timestamp,
    /// When it was delivered last.
    pub last_at: Timestamp,
    /// Why it is given up.
    pub cause: Cause,
}

/// Why a message is given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// It was delivered as often as it may be.
    Exhausted,
    /// The client said that it failed for good, and perhaps why.
    Terminated(Option<Box<str>>),
}

/// A message that is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// To whom.
    pub to: Target,
    /// Its sequence in the stream.
    pub seq: u64,
    /// The consumer's own count of deliveries.
    pub consumer_seq: u64,
    /// How often this message was delivered, this time included.
    pub deliveries: u64,
    /// Messages that wait behind it.
    pub pending: u64,
    /// When it was stored.
    pub at: Timestamp,
    /// Without its payload, whose size is told in `Nats-Msg-Size`.
    pub headers_only: bool,
    /// Whether the request that it answers ends with it, and no status follows.
    pub is_last: bool,
}

/// Who gets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// A pull request.
    Request(u64),
    /// The delivery subject.
    Subject,
}

/// What a consumer tells whoever watches (`$JS.EVENT.…`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Advisory {
    /// A message was delivered as often as it may be.
    MaxDeliveries {
        /// Its sequence in the stream.
        seq: u64,
        /// How often.
        deliveries: u64,
    },
    /// A message shall come again.
    Naked {
        /// Its sequence in the stream.
        seq: u64,
        /// The count of its first delivery.
        consumer_seq: u64,
        /// How often it was delivered.
        deliveries: u64,
    },
    /// A message failed for good.
    Terminated {
        /// Its sequence in the stream.
        seq: u64,
        /// The count of its first delivery.
        consumer_seq: u64,
        /// How often it was delivered.
        deliveries: u64,
        /// The client's words.
        reason: Option<Box<str>>,
    },
    /// A message was acknowledged, one of those that `sample_freq` takes its share of.
    Acked {
        /// Its sequence in the stream.
        seq: u64,
        /// The count of its first delivery.
        consumer_seq: u64,
        /// How often it was delivered.
        deliveries: u64,
        /// Since its last delivery.
        delay: Duration,
    },
    /// It pauses until then; `None` when it goes on.
    Paused(Option<Timestamp>),
}
