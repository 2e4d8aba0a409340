//! What a machine asks of the messages that storage holds.

use std::sync::Arc;

use model::Timestamp;

/// What is known of a stored message without its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Its sequence, from 1.
    pub seq: u64,
    /// Its subject.
    pub subject: Arc<str>,
    /// Bytes of subject, headers and payload.
    pub bytes: u64,
    /// When it was stored.
    pub at: Timestamp,
    /// When it goes by itself.
    pub expires: Expires,
    /// Whether it only tells that its subject's last message has expired.
    pub marker: bool,
}

/// What must be known of a message to let it go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spent {
    /// Its sequence.
    pub seq: u64,
    /// Its subject.
    pub subject: Arc<str>,
    /// Bytes of subject, headers and payload.
    pub bytes: u64,
    /// When it would have gone by itself, if at a time of its own.
    pub expires_at: Option<Timestamp>,
}

impl From<Head> for Spent {
    fn from(head: Head) -> Self {
        let expires_at = if let Expires::At(at) = head.expires { Some(at) } else { None };
        Self { seq: head.seq, subject: head.subject, bytes: head.bytes, expires_at }
    }
}

/// When a message goes by itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Expires {
    /// When it is older than the stream allows.
    #[default]
    ByAge,
    /// Then, or when it is older than the stream allows.
    At(Timestamp),
    /// Never, whatever the stream allows.
    Never,
}

/// The messages of one stream, as they are after everything that its machine has decided so far. Storage carries a
/// decision out in here before it asks for the next one; when it is on disk is another matter.
///
/// None may cost more than finding one place, whatever is stored.
pub trait Stored {
    /// The first message after a sequence.
    fn next(&self, after: u64) -> Option<Head>;
    /// The first message of a subject after a sequence.
    fn next_of(&self, subject: &str, after: u64) -> Option<Head>;
    /// The last message of a subject before a sequence.
    fn last_of(&self, subject: &str, before: u64) -> Option<Head>;
    /// How many messages are after a sequence: all, or those of one subject.
    fn count(&self, subject: Option<&str>, after: u64) -> u64;
    /// The first message that was stored at a time or later.
    fn since(&self, at: Timestamp) -> Option<Head>;

    /// The message of a subject that has one only.
    fn sole_of(&self, subject: &str) -> Option<Spent> {
        self.last_of(subject, u64::MAX).map(Spent::from)
    }

    /// The message with a sequence.
    fn get(&self, seq: u64) -> Option<Head> {
        self.next(seq.checked_sub(1)?).filter(|head| head.seq == seq)
    }
}
