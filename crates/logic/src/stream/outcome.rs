//! What a stream decides.

use std::sync::Arc;

use model::{Timestamp, streams::ApiError};

use super::{Expires, Firing};

/// What becomes of a message that somebody publishes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is stored; acknowledge it when it is on disk.
    Stored(Placed),
    /// It was stored before under this sequence; acknowledge it as a duplicate.
    Duplicate(u64),
    /// It waits for the rest of its batch: keep its content under the batch's id and its place in it.
    Staged,
    /// Its batch is stored as a whole, in one write: these are its messages by their place, from the first. Acknowledge it
    /// with the last sequence.
    Committed(Vec<Placed>),
    /// It is not stored. If it belonged to a batch, see whether [`super::Stream::has_batch`] still knows it.
    Refused(ApiError),
}

/// A message that takes its place in a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// Its sequence.
    pub seq: u64,
    /// Its subject.
    pub subject: Arc<str>,
    /// Bytes of subject, headers and payload.
    pub bytes: u64,
    /// Its time.
    pub at: Timestamp,
    /// When it goes by itself.
    pub expires: Expires,
    /// Whether it is kept: with interest retention and nobody interested only its sequence is used.
    pub kept: bool,
    /// What goes because of it.
    pub removals: Removals,
}

/// Messages that go.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Removals {
    /// Every message before this sequence.
    pub before: Option<u64>,
    /// Single messages.
    pub each: Vec<Removed>,
}

impl Removals {
    /// Whether nothing goes.
    pub fn is_empty(&self) -> bool {
        self.before.is_none() && self.each.is_empty()
    }
}

/// A message that goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removed {
    /// Its sequence.
    pub seq: u64,
    /// Its subject.
    pub subject: Arc<str>,
}

/// Which messages a purge takes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Purge {
    /// Those of this pattern; `None` for all.
    pub filter: Option<Box<str>>,
    /// Those before this sequence.
    pub before: Option<u64>,
    /// All but so many of the last.
    pub keep: Option<u64>,
}

/// What a purge has done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Purged {
    /// How many messages went.
    pub count: u64,
    /// Which.
    pub removals: Removals,
}

/// What time has brought.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Due {
    /// Messages that have expired.
    pub removals: Removals,
    /// Markers that are stored in the place of expired subjects: without payload, with `Nats-Marker-Reason: MaxAge` and
    /// `Nats-TTL` of the stream's `subject_delete_marker_ttl`.
    pub markers: Vec<Placed>,
    /// Schedules to carry out.
    pub firings: Vec<Firing>,
    /// Batches that were not finished in time: drop their content.
    pub abandoned: Vec<Box<str>>,
}
