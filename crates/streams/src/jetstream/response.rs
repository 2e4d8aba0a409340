//! Answers of the API: one JSON object with its type in front.

use serde::{Deserialize, Serialize};

use super::{AccountInfo, ApiError, ConsumerInfo, Paged, Pause, StoredMessage, StreamInfo, is_default};

/// Which answer it is: the `type` that clients read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the protocol's")]
pub enum Kind {
    AccountInfo,
    ConsumerCreate,
    ConsumerDelete,
    ConsumerInfo,
    ConsumerLeaderStepdown,
    ConsumerList,
    ConsumerNames,
    ConsumerPause,
    ConsumerReset,
    ConsumerUnpin,
    MessageDelete,
    MessageGet,
    StreamCreate,
    StreamDelete,
    StreamInfo,
    StreamLeaderStepdown,
    StreamList,
    StreamNames,
    StreamPurge,
    StreamRemovePeer,
    StreamRestore,
    StreamSnapshot,
    StreamUpdate,
    /// What nobody understands.
    System,
}

impl Kind {
    fn middle(self) -> &'static str {
        match self {
            Self::AccountInfo => "account_info",
            Self::ConsumerCreate => "consumer_create",
            Self::ConsumerDelete => "consumer_delete",
            Self::ConsumerInfo => "consumer_info",
            Self::ConsumerLeaderStepdown => "consumer_leader_stepdown",
            Self::ConsumerList => "consumer_list",
            Self::ConsumerNames => "consumer_names",
            Self::ConsumerPause => "consumer_pause",
            Self::ConsumerReset => "consumer_reset",
            Self::ConsumerUnpin => "consumer_unpin",
            Self::MessageDelete => "stream_msg_delete",
            Self::MessageGet => "stream_msg_get",
            Self::StreamCreate => "stream_create",
            Self::StreamDelete => "stream_delete",
            Self::StreamInfo => "stream_info",
            Self::StreamLeaderStepdown => "stream_leader_stepdown",
            Self::StreamList => "stream_list",
            Self::StreamNames => "stream_names",
            Self::StreamPurge => "stream_purge",
            Self::StreamRemovePeer => "stream_remove_peer",
            Self::StreamRestore => "stream_restore",
            Self::StreamSnapshot => "stream_snapshot",
            Self::StreamUpdate => "stream_update",
            Self::System => "system",
        }
    }

    /// The body of the answer to a request of this kind that failed.
    pub fn failed(self, error: &ApiError) -> String {
        json(self, &Failed { error })
    }
}

/// An answer to a request that was carried out.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
#[expect(missing_docs, reason = "the names are the protocol's, and the types tell")]
pub enum Response {
    AccountInfo(AccountInfo),
    StreamCreate(Created),
    StreamUpdate(StreamInfo),
    StreamInfo(StreamDetails),
    StreamDelete(Done),
    StreamPurge(Purged),
    StreamNames(Streams<String>),
    StreamList(Streams<StreamInfo>),
    MessageGet { message: StoredMessage },
    MessageDelete(Done),
    ConsumerCreate(ConsumerInfo),
    ConsumerInfo(ConsumerInfo),
    ConsumerDelete(Done),
    ConsumerNames(Consumers<String>),
    ConsumerList(Consumers<ConsumerInfo>),
    ConsumerPause(Pause),
}

/// A stream that was created, or was there with the same configuration.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Created {
    /// The stream.
    #[serde(flatten)]
    pub info: StreamInfo,
    /// Whether it is new.
    #[serde(skip_serializing_if = "is_default")]
    pub did_create: bool,
}

/// A stream, and which part of its subjects is told of.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StreamDetails {
    /// The part.
    #[serde(flatten)]
    pub paged: Paged,
    /// The stream.
    #[serde(flatten)]
    pub info: StreamInfo,
}

/// It is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Done {
    success: bool,
}

impl Done {
    /// There is but one.
    pub const DONE: Self = Self { success: true };
}

/// Messages were taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Purged {
    success: bool,
    purged: u64,
}

impl Purged {
    /// That many.
    pub const fn new(purged: u64) -> Self {
        Self { success: true, purged }
    }

    /// How many.
    pub const fn count(&self) -> u64 {
        self.purged
    }
}

/// A page of streams.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Streams<T> {
    /// Which page.
    #[serde(flatten)]
    pub paged: Paged,
    /// The streams.
    pub streams: Vec<T>,
}

/// A page of consumers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Consumers<T> {
    /// Which page.
    #[serde(flatten)]
    pub paged: Paged,
    /// The consumers.
    pub consumers: Vec<T>,
}

impl Response {
    /// The body of the answer.
    pub fn body(&self) -> String {
        json(self.kind(), self)
    }

    fn kind(&self) -> Kind {
        match self {
            Self::AccountInfo(_) => Kind::AccountInfo,
            Self::StreamCreate(_) => Kind::StreamCreate,
            Self::StreamUpdate(_) => Kind::StreamUpdate,
            Self::StreamInfo(_) => Kind::StreamInfo,
            Self::StreamDelete(_) => Kind::StreamDelete,
            Self::StreamPurge(_) => Kind::StreamPurge,
            Self::StreamNames(_) => Kind::StreamNames,
            Self::StreamList(_) => Kind::StreamList,
            Self::MessageGet { .. } => Kind::MessageGet,
            Self::MessageDelete(_) => Kind::MessageDelete,
            Self::ConsumerCreate(_) => Kind::ConsumerCreate,
            Self::ConsumerInfo(_) => Kind::ConsumerInfo,
            Self::ConsumerDelete(_) => Kind::ConsumerDelete,
            Self::ConsumerNames(_) => Kind::ConsumerNames,
            Self::ConsumerList(_) => Kind::ConsumerList,
            Self::ConsumerPause(_) => Kind::ConsumerPause,
        }
    }
}

#[derive(Serialize)]
struct Failed<'a> {
    error: &'a ApiError,
}

#[derive(Serialize)]
struct Typed<'a, T> {
    r#type: String,
    #[serde(flatten)]
    body: &'a T,
}

fn json(kind: Kind, body: &impl Serialize) -> String {
    let r#type = format!("io.nats.jetstream.api.v1.{}_response", kind.middle());
    serde_json::to_string(&Typed { r#type, body }).expect("these values have string keys only")
}

#[cfg(test)]
mod tests;
