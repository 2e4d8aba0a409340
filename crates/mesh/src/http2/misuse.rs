//! Connections that end because of what their client did: counted and logged like a request that was refused.

use model::Reason;

use super::serve::Entrance;
use crate::{
    refused::{self, Refused},
    worker::Worker,
};

/// What a client did whose connection ended with this error; `None` if it was nothing.
pub(super) fn reason(error: &h2::Error) -> Option<Reason> {
    if !error.is_library() {
        return None;
    }
    match error.reason() {
        None | Some(h2::Reason::NO_ERROR) => None,
        Some(h2::Reason::ENHANCE_YOUR_CALM) => Some(Reason::TooManyFrames),
        Some(_) => Some(Reason::BadRequest),
    }
}

/// Writes it down. What HTTP/2 begins with stands for the request that there is none of.
pub(super) fn write_down(worker: &Worker, entrance: &Entrance, reason: Reason) {
    let refused = Refused { method: "PRI", path: "*", ..Refused::default() };
    refused::write_down(worker, entrance.entry, entrance.peer, reason, refused);
}
