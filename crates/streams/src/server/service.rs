//! Services inside the process, which get messages as clients do.
//!
//! A service has the subjects that it subscribed to. It is called on the server's thread, so it must not wait: what takes time it
//! gives to a thread of its own, which answers through [`Handle::publish`](super::Handle::publish).

use std::{sync::Arc, time::Duration};

use logic::subject::Sublist;
use serde_json::Value;

use super::{Batch, Identity, Query};

/// A message: subject, reply subject, header block (empty without) and payload.
pub use wire::nats::Publish as Message;

/// A service inside the process.
pub trait Service: Send + 'static {
    /// Called once, before the first client: subscribes to the subjects that are there from the beginning.
    fn start(&mut self, out: &mut Outgoing);

    /// A message to one of its subjects; `from` is the client that published it, `None` if a service did. The service counts as
    /// somebody who answers, whether it does or not. A subject may be malformed: clients are not made to be pedantic.
    fn message(&mut self, message: &Message<'_>, from: Option<&Origin>, out: &mut Outgoing);

    /// Everything that had arrived together has been handed over: a good moment for one write of it all. Also called when
    /// clients have subscribed or unsubscribed, and when somebody wakes the services, for what time has brought.
    fn settle(&mut self, interest: &Interest<'_>, out: &mut Outgoing) {
        let _ = (interest, out);
    }

    /// A client that is an instance has got a message for the subscribers of another subject ([`Batch::push_to`]), which the service
    /// sent when it settled.
    fn given(&mut self, message: &Message<'_>, client: u64) {
        let _ = (message, client);
    }

    /// A client that is an instance shall get nothing new ([`Handle::drain`](super::Handle::drain)).
    fn drain(&mut self, client: u64) {
        let _ = client;
    }

    /// A client that is an instance has gone.
    fn gone(&mut self, client: u64) {
        let _ = client;
    }

    /// Whether a client that is an instance has still to answer for something that it got.
    fn is_busy(&self, client: u64) -> bool {
        let _ = client;
        false
    }

    /// What the monitoring shows of the service at a path, `/jsz` or `/healthz` say; `None` if that is not its page.
    fn monitor(&self, page: &str, query: &Query<'_>) -> Option<Value> {
        let _ = (page, query);
        None
    }
}

/// Who listens.
#[derive(Clone, Copy)]
pub struct Interest<'a> {
    /// The filters that clients have subscribed to or unsubscribed from since the last time, some perhaps twice.
    pub changed: &'a [Box<[u8]>],
    pub(crate) sublist: &'a Sublist<u32>,
    /// Subscriptions that do not count.
    pub(crate) is_drained: &'a dyn Fn(u32) -> bool,
}

impl Interest<'_> {
    /// Whether anybody but instances that are drained gets a message to a subject; with a queue group, whether a member of that does.
    pub fn exists(&self, subject: &[u8], queue: Option<&[u8]>) -> bool {
        self.sublist.has_interest(subject, queue, |subscription| !(self.is_drained)(subscription))
    }
}

/// The client that a message came from.
#[derive(Debug, Clone)]
pub struct Origin {
    /// The number of the connection, never used again.
    pub client: u64,
    /// Whose it is.
    pub identity: Arc<Identity>,
}

/// What a service wants to happen once it returns, in this order: first subscriptions, then messages. No permissions apply.
#[derive(Debug, Default)]
pub struct Outgoing {
    pub(super) changes: Vec<Change>,
    /// Messages to publish.
    pub messages: Batch,
    /// How long nothing is read from the client whose message it is.
    pub(super) hold: Duration,
    /// Whether the client whose message it is may not send it.
    pub(super) is_denied: bool,
}

/// A change of a service's subscriptions.
#[derive(Debug)]
pub(super) enum Change {
    Subscribe(Box<[u8]>),
    Unsubscribe(Box<[u8]>),
}

impl Outgoing {
    /// Subscribes to a filter, which must be one (`logic::subject::is_filter`). Subscribing twice is unsubscribed once.
    pub fn subscribe(&mut self, filter: &[u8]) {
        self.changes.push(Change::Subscribe(filter.into()));
    }

    /// Ends the subscription to a filter.
    pub fn unsubscribe(&mut self, filter: &[u8]) {
        self.changes.push(Change::Unsubscribe(filter.into()));
    }

    /// Asks for nothing to be read for a while from the client whose message it is: it sends faster than the service can take.
    pub fn hold_back(&mut self, time: Duration) {
        self.hold = time;
    }

    /// Has the client whose message it is told that it may not send it: a permissions violation.
    pub fn deny(&mut self) {
        self.is_denied = true;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.messages.is_empty()
    }
}
