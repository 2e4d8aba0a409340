//! Connections that end because of what their client did: one line of the access log each.

use std::rc::Rc;

use model::{Reason, spec::AccessLog};

use super::serve::Entrance;
use crate::{access_log::Line, listener::Entry, worker::Worker};

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
pub(super) fn write_down(worker: &Rc<Worker>, entrance: &Entrance, reason: Reason) {
    let view = worker.view();
    let (name, policy) = match entrance.entry {
        Entry::Gateway => {
            let Some(gateway) = &view.table.gateway else { return };
            ("gateway".to_owned(), gateway.policy.access_log)
        }
        Entry::Address(address) => {
            let Some(address) = view.table.addresses.get(&address) else { return };
            let connection = &view.table.connections[address.connection];
            (format!("{} -> {}", address.caller, connection.callee), connection.policy.access_log)
        }
    };
    let Some(access_log) = worker.access_log.as_ref().filter(|_| policy != AccessLog::Off) else { return };
    access_log.write(&Line {
        at: worker.now(),
        connection: &name,
        method: "PRI",
        path: "*",
        status: 0,
        reason: Some(reason),
        instance: None,
        micros: 0,
        received: 0,
        sent: 0,
        retries: 0,
        trace: "",
    });
}
