//! What services were denied by the server of messages.

use crate::ServiceName;

/// What a program asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Asked {
    /// To publish to a subject.
    Publish,
    /// To get an answer at a subject.
    Answer,
    /// To subscribe to a subject.
    Subscribe,
}

/// What a service was denied since the server is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    /// Whose program it was.
    pub service: ServiceName,
    /// What it asked for.
    pub asked: Asked,
    /// The subject; `None` for all those that are not told apart.
    pub subject: Option<Box<str>>,
    /// How often.
    pub times: u64,
}
