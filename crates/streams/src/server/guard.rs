//! Decisions about messages that take more than their subjects.

use std::fmt::Debug;

use model::Asked;

use super::Message;

/// Decides whether a client may publish a message, by its reply subject and content say: what a request asks for.
///
/// Called on the server's thread for each message that the client's permissions allow, so it must not wait.
pub trait Guard: Debug + Send + Sync {
    /// Whether the message may be published. `listens` says whether the client itself subscribes to a subject.
    fn may_publish(&self, message: &Message<'_>, listens: &dyn Fn(&[u8]) -> bool) -> bool;

    /// The client was told that it may not do this, by whatever rule.
    fn denied(&self, _asked: Asked, _subject: &[u8]) {}
}
