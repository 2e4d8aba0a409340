//! An answer that waits for the disk.

use std::sync::Arc;

use journal::JournalError;

use crate::{
    jetstream::{ApiError, ErrorCode, Kind, PubAck},
    server::{Batch, Message},
};

/// An answer that is given once what it tells of is durable.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) reply: Box<[u8]>,
    pub(super) body: String,
    pub(super) asked: Asked,
}

/// What is answered, which decides how a failure is told.
#[derive(Debug)]
pub(super) enum Asked {
    /// A publish into this stream.
    Publish(Arc<str>),
    /// A request of the API.
    Api(Kind),
}

impl Answer {
    pub(super) fn write(&self, error: Option<&JournalError>, out: &mut Batch) {
        match error.map(refusal) {
            None => push(&self.reply, &self.body, out),
            Some(error) => push(&self.reply, &self.asked.failed(&error), out),
        }
    }
}

impl Asked {
    pub(super) fn failed(&self, error: &ApiError) -> String {
        match self {
            Self::Publish(stream) => PubAck::failed(stream, error),
            Self::Api(kind) => kind.failed(error),
        }
    }
}

pub(super) fn push(reply: &[u8], body: &str, out: &mut Batch) {
    out.push(&Message { subject: reply, reply: None, headers: b"", payload: body.as_bytes() });
}

/// What a client is told of the journal's failure: where it may succeed later, that resources are missing.
fn refusal(error: &JournalError) -> ApiError {
    match error {
        JournalError::Full | JournalError::Backlog => ErrorCode::InsufficientResources.error(),
        other => ErrorCode::StreamStoreFailed.because(other.to_string()),
    }
}
