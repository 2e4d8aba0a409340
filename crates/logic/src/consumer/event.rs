//! What can happen to a consumer.

use std::time::Duration;

use model::Timestamp;

use super::Settings;

/// What can happen to a consumer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Messages have come or gone, and all consumers of the stream were told (see [`super::Consumer::published`]).
    Changed,
    /// Somebody asks for messages.
    Pull(Pull),
    /// A client has gone ([`Pull::client`]): what it has not acknowledged comes again at once.
    Gone(u64),
    /// Nobody listens to the answers of this request any more.
    Abandoned(u64),
    /// A message is acknowledged in some way; `answer` is told when that is on disk.
    Ack {
        /// Its sequence in the stream.
        seq: u64,
        /// How.
        ack: Ack,
        /// What [`super::Action::Answer`] gives back, for an acknowledgement that is a request itself.
        answer: Option<u64>,
    },
    /// Push only: whether anybody listens to the delivery subject (in the queue group, if there is one).
    Interest(bool),
    /// Push only: the client has taken all that was sent before this flow control request.
    FlowReply(u64),
    /// Deliver nothing before; `None` goes on at once.
    Pause(Option<Timestamp>),
    /// It goes on at this sequence, back or forward, and gets what is there from then on as if for the first time.
    Rewind(u64),
    /// The same, and what was delivered of earlier messages is done with, acknowledged or not. For a stream that keeps messages
    /// whatever its consumers do.
    Skip(u64),
    /// Other settings.
    Update(Box<Settings>),
    /// A deadline may have passed.
    Due,
    /// It is deleted by hand.
    Delete,
    /// The server stops.
    Shutdown,
}

/// A request for messages.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pull {
    /// Names it in answers; the caller's, never used twice.
    pub id: u64,
    /// Whose it is, for [`Event::Gone`]; 0 if that is not told.
    pub client: u64,
    /// Messages, at least 1.
    pub batch: u64,
    /// Bytes of messages at most.
    pub max_bytes: Option<u64>,
    /// How long it waits; `None` until nobody listens any more.
    pub expires: Option<Duration>,
    /// It takes only what is there.
    pub no_wait: bool,
    /// The pause after which it is told that nothing came.
    pub heartbeat: Option<Duration>,
}

/// How a message is acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ack {
    /// It is done with.
    Done,
    /// It shall come again, at once or after so long.
    Nak(Option<Duration>),
    /// It takes longer: the wait for the acknowledgement begins anew.
    Progress,
    /// It is done with, and failed.
    Term(Option<Box<str>>),
    /// It is done with, and more is asked for.
    Next(Pull),
}
