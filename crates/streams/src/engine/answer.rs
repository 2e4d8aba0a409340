//! An answer that waits for the journal.

use std::sync::Arc;

use journal::{Durability, JournalError};

use super::inside::Refused;
use crate::{
    jetstream::{ApiError, ErrorCode, Kind, PubAck},
    server::{Batch, Message},
};

/// An answer that is given once what it tells of is as durable as it promises.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) reply: Box<[u8]>,
    pub(super) body: String,
    pub(super) asked: Asked,
    pub(super) durability: Durability,
}

/// What is answered, which decides how a failure is told.
#[derive(Debug)]
pub(super) enum Asked {
    /// A publish into this stream.
    Publish(Arc<str>),
    /// A request of the API.
    Api(Kind),
    /// A wish of the platform that concerns this.
    Inside(String),
    /// An acknowledgement. A failure is not told: whoever waits in vain acknowledges again.
    Ack,
}

impl Answer {
    pub(super) fn write(&self, error: Option<&JournalError>, out: &mut Batch) {
        let body = match error.map(refusal) {
            None => Some(self.body.clone()),
            Some(error) => self.asked.failed(&error),
        };
        body.iter().for_each(|body| push(&self.reply, body, out));
    }
}

impl Asked {
    pub(super) fn failed(&self, error: &ApiError) -> Option<String> {
        match self {
            Self::Publish(stream) => Some(PubAck::failed(stream, error)),
            Self::Api(kind) => Some(kind.failed(error)),
            Self::Inside(what) => Some(Refused { error: error.clone(), what: what.clone() }.body()),
            Self::Ack => None,
        }
    }
}

pub(super) fn push(reply: &[u8], body: &str, out: &mut Batch) {
    out.push(&Message { subject: reply, reply: None, headers: b"", payload: body.as_bytes() });
}

/// What a client is told of the journal's failure: where it may succeed later, that resources are missing.
pub(super) fn refusal(error: &JournalError) -> ApiError {
    match error {
        JournalError::Full => ErrorCode::InsufficientResources.error(),
        JournalError::Backlog => behind(),
        other => ErrorCode::StreamStoreFailed.because(other.to_string()),
    }
}

/// More is written than the disk takes.
pub(super) fn behind() -> ApiError {
    let description = "insufficient resources: the disk does not keep up with what is published, try again later";
    ApiError { description: description.into(), ..ErrorCode::InsufficientResources.error() }
}
