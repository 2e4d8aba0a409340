//! What is written down of a request that is refused before it is on its way to an instance: it has no attempt and no latency, but it
//! is counted and logged like any other.

use std::{net::IpAddr, rc::Rc};

use model::{Reason, figures::EntryFigures, spec::AccessLog};

use crate::{
    access_log::Line,
    answer::Whose,
    buffer::Scratch,
    connection,
    figures::{Count, Reasons},
    find,
    listener::Entry,
    problem::Fault,
    worker::Worker,
};

/// What one worker refused where no connection was known. One writer, any reader.
#[derive(Default)]
pub(crate) struct Entrances {
    gateway: Reasons,
    undeclared: Reasons,
    panics: Count,
}

impl Entrances {
    /// A task has panicked. Only its worker may.
    pub(crate) fn panicked(&self) {
        self.panics.add(1);
    }

    /// What a person should know of it, in a sentence.
    pub(crate) fn notice<'a>(all: impl Iterator<Item = &'a Self>) -> Option<String> {
        let panics: u64 = all.map(|one| one.panics.get()).sum();
        (panics > 0).then(|| {
            format!(
                "{panics} connections were ended by a defect of Isles: please report what `isles up` wrote of a panic"
            )
        })
    }

    /// The sum of all workers, without entrances where nothing was refused.
    pub(crate) fn figures<'a>(all: impl Iterator<Item = &'a Self>) -> Vec<EntryFigures> {
        let named = |entry: &str| EntryFigures { entry: entry.into(), refused: std::collections::BTreeMap::new() };
        let (mut gateway, mut undeclared) = (named("gateway"), named("undeclared"));
        for one in all {
            one.gateway.add_to(&mut gateway.refused);
            one.undeclared.add_to(&mut undeclared.refused);
        }
        [gateway, undeclared].into_iter().filter(|figures| !figures.refused.is_empty()).collect()
    }
}

/// Why a request does not go on its way.
pub(crate) struct Refusal {
    pub(crate) fault: Fault,
    /// The connection that it would have taken, as far as that was known.
    pub(crate) connection: Option<Rc<connection::Local>>,
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        Self { fault, connection: None }
    }
}

/// Whose request it was, as far as that is known.
pub(crate) fn whose(connection: Option<&connection::Local>, entry: Entry) -> Option<Whose<'_>> {
    connection.map(|connection| Whose { connection, entry, tried: &[], refused: true })
}

/// A request that was refused.
#[derive(Default)]
pub(crate) struct Refused<'a> {
    /// The connection that it would have taken, if it is another one than that of its entry.
    pub(crate) connection: Option<Rc<connection::Local>>,
    pub(crate) host: &'a str,
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    /// The caller's `traceparent`, if it is valid: none is begun.
    pub(crate) trace: &'a str,
    /// Bytes of the head from the client, and of the answer to it.
    pub(crate) received: usize,
    pub(crate) sent: usize,
}

impl<'a> Refused<'a> {
    /// What is known of the request whose head is held; nothing of one that is malformed.
    pub(crate) fn of(scratch: &'a Scratch) -> Self {
        let (request, head) = (&scratch.request, scratch.input.held());
        if head.is_empty() {
            return Self::default();
        }
        let method = std::str::from_utf8(request.method(head)).unwrap_or_default();
        let (host, path, trace) = (request.host(head), request.path(head), find::trace(request, head));
        let trace = trace.and_then(|trace| std::str::from_utf8(trace).ok()).unwrap_or_default();
        Self { host, method, path, trace, received: head.len(), ..Self::default() }
    }
}

/// Counts and logs it: as one of its connection, else as one of its entrance.
pub(crate) fn write_down(worker: &Worker, entry: Entry, peer: IpAddr, reason: Reason, refused: Refused<'_>) {
    let view = worker.view();
    let address = match entry {
        Entry::Gateway => None,
        Entry::Address(address) => view.table.addresses.get(&address),
    };
    let connection =
        refused.connection.as_ref().or_else(|| address.map(|address| &view.connections[address.connection]));
    let log = match connection {
        Some(connection) => {
            connection.figures().refuse(reason, refused.received, refused.sent);
            connection.policy().access_log
        }
        None => worker.refuse(entry, reason),
    };
    let Some(access_log) = worker.access_log.as_ref().filter(|_| log != AccessLog::Off) else { return };
    let name = match (whose(connection.map(|connection| &**connection), entry), entry) {
        (Some(whose), _) => whose.label(worker),
        (None, Entry::Gateway) => "gateway".into(),
        (None, Entry::Address(_)) => "undeclared".into(),
    };
    access_log.write(&Line {
        at: worker.now(),
        peer,
        connection: &name,
        host: refused.host,
        method: refused.method,
        path: refused.path,
        status: reason.status(),
        reason: Some(reason),
        instance: None,
        micros: 0,
        received: refused.received as u64,
        sent: refused.sent as u64,
        retries: 0,
        trace: refused.trace,
    });
}

impl Worker {
    /// Counts a request for which no connection is known; returns what is logged there.
    fn refuse(&self, entry: Entry, reason: Reason) -> AccessLog {
        let entrance = match entry {
            Entry::Gateway => &self.entrances.gateway,
            Entry::Address(_) => &self.entrances.undeclared,
        };
        entrance.add(reason);
        let view = self.view();
        view.table.gateway.as_ref().map_or(AccessLog::Errors, |gateway| gateway.policy.access_log)
    }
}
