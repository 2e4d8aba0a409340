//! Everybody who can get a message, and how one gets it.

use std::collections::HashMap;

use bytes::Bytes;
use logic::subject::{Inboxes, inbox};
use model::{Asked, Timestamp};
use slab::Slab;
use wire::nats::{write_error, write_message};

use super::{
    client::{Client, Closing, Counts},
    outbox::Pool,
    rights::violation,
};
use crate::server::{Message, Outgoing, Service, config::Config};

/// A payload of this size is not copied for each of its receivers.
const SHARED_BYTES_MIN: usize = 8 << 10;

/// A subscription.
pub(crate) struct Subscription {
    pub(crate) owner: Owner,
    pub(crate) filter: Box<[u8]>,
    pub(crate) queue: Option<Box<[u8]>>,
    pub(crate) sid: Box<[u8]>,
    /// Messages so far.
    pub(crate) delivered: u64,
    /// With so many it ends; 0 without end.
    pub(crate) max: u64,
    /// Some of its subjects are denied to the client.
    pub(crate) in_part: bool,
    /// It sees no inbox of anybody else.
    pub(crate) own_inboxes: bool,
    /// The inbox that it names is its client's.
    pub(crate) claims: bool,
}

/// Whose a subscription is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    Client(u32),
    Service(usize),
}

/// Clients and services with their subscriptions.
#[derive(Default)]
pub(crate) struct Parties {
    pub(crate) clients: Slab<Client>,
    pub(crate) subscriptions: Slab<Subscription>,
    pub(crate) services: Vec<Box<dyn Service>>,
    pub(crate) outgoing: Vec<Outgoing>,
    /// The subscriptions of a service by their filters.
    pub(crate) of_services: HashMap<(usize, Box<[u8]>), Vec<u32>>,
    /// Services that got something since they were last told that this is all.
    pub(crate) called: Vec<usize>,
    /// The filters that clients subscribed to or unsubscribed from since then, for each service.
    pub(crate) changed: Vec<Vec<Box<[u8]>>>,
    /// Clients that have something to write, or whose state changed.
    pub(crate) ready: Vec<u32>,
    /// Subscriptions that got their last message.
    pub(crate) ended: Vec<u32>,
    /// Clients with too much to write, which hold back those that publish.
    pub(crate) full: Vec<u32>,
    pub(crate) pool: Pool,
    pub(crate) counts: Counts,
    pub(crate) slow_consumers: u64,
    /// Whose which inbox is, of clients that see their own only.
    pub(crate) inboxes: Inboxes,
    /// When something last happened.
    pub(crate) now: Timestamp,
}

/// A message on its way to one or many.
pub(crate) struct Sending<'a> {
    /// Whose subscribers get it.
    pub(crate) to: &'a [u8],
    pub(crate) message: Message<'a>,
    /// The client that published it.
    pub(crate) from: Option<u32>,
    /// Whether that client may get it too.
    pub(crate) echo: bool,
    /// Headers, payload and line end, once somebody asked for them.
    pub(crate) body: Option<Bytes>,
    /// Whether more than one is likely to get it.
    pub(crate) to_many: bool,
    /// Whether instances that are drained do not get it.
    pub(crate) spares_drained: bool,
    /// The instance that got it last.
    pub(crate) taker: Option<u64>,
}

impl<'a> Sending<'a> {
    pub(crate) fn new(to: &'a [u8], message: Message<'a>, from: Option<u32>, echo: bool) -> Self {
        Self { to, message, from, echo, body: None, to_many: false, spares_drained: false, taker: None }
    }
}

/// Whether a subscription is that of an instance that is drained.
pub(crate) fn is_drained(subscriptions: &Slab<Subscription>, clients: &Slab<Client>, subscription: u32) -> bool {
    let owner = subscriptions.get(subscription as usize).map(|known| known.owner);
    matches!(owner, Some(Owner::Client(key)) if clients.get(key as usize).is_some_and(|client| client.is_draining))
}

impl Parties {
    /// Gives a message to a subscription; says whether it took it.
    pub(crate) fn give(&mut self, subscription: u32, sending: &mut Sending<'_>, config: &Config) -> bool {
        let Some(known) = self.subscriptions.get_mut(subscription as usize) else { return false };
        let owner = known.owner;
        match owner {
            Owner::Client(key) => self.give_client(key, subscription, sending, config),
            Owner::Service(index) => {
                let from = sending.from.and_then(|key| self.clients.get(key as usize)).map(|client| &client.origin);
                if !self.called.contains(&index) {
                    self.called.push(index);
                }
                let message = Message { subject: sending.to, ..sending.message };
                self.services[index].message(&message, from, &mut self.outgoing[index]);
                self.slow_down(index, sending.from);
                self.deny(index, sending);
                true
            }
        }
    }

    /// Has nothing read for a while from a client that sends faster than a service takes, if that service says so.
    fn slow_down(&mut self, service: usize, from: Option<u32>) {
        let hold = std::mem::take(&mut self.outgoing[service].hold);
        let client = from.filter(|_| !hold.is_zero()).and_then(|key| self.clients.get_mut(key as usize));
        if let Some(client) = client {
            client.times.slowed_until = client.times.slowed_until.max(Some(self.now + hold));
        }
    }

    /// Tells a client that it may not send what it has sent, if the service that got it says so.
    fn deny(&mut self, service: usize, sending: &Sending<'_>) {
        let is_denied = std::mem::take(&mut self.outgoing[service].is_denied);
        if let Some(key) = sending.from.filter(|_| is_denied) {
            let subject = sending.message.subject;
            self.clients.get(key as usize).into_iter().for_each(|client| {
                client.origin.identity.note_denial(Asked::Publish, subject);
            });
            self.error(key, &violation(Asked::Publish, subject));
        }
    }

    fn give_client(&mut self, key: u32, subscription: u32, sending: &mut Sending<'_>, config: &Config) -> bool {
        let Some(known) = self.subscriptions.get_mut(subscription as usize) else { return false };
        let Some(client) = self.clients.get_mut(key as usize) else { return false };
        let is_echo = sending.from == Some(key) && !sending.echo;
        let is_over = known.max > 0 && known.delivered >= known.max;
        let message = &sending.message;
        let identity = &client.origin.identity;
        let is_denied = known.in_part && !identity.permissions.may_receive(sending.to);
        let is_foreign = |name| !self.inboxes.is_owned(name, &identity.name);
        let is_hidden = known.own_inboxes && inbox(sending.to).is_some_and(is_foreign);
        let is_spared = sending.spares_drained && client.is_draining;
        if client.closing.is_some() || is_echo || is_over || is_denied || is_hidden || is_spared {
            return false;
        }
        known.delivered += 1;
        if known.delivered == known.max {
            self.ended.push(subscription);
        }
        let headers = if client.options.headers { message.headers } else { &[] };
        let bytes = headers.len() + message.payload.len();
        if sending.to_many && bytes >= SHARED_BYTES_MIN && headers.len() == message.headers.len() {
            let body = sending.body.get_or_insert_with(|| [headers, message.payload, b"\r\n"].concat().into());
            client.outbox.append_shared(&mut self.pool, message, &known.sid, body);
        } else {
            client.outbox.append(&mut self.pool, |out| {
                write_message(message.subject, &known.sid, message.reply, headers, message.payload, out);
            });
        }
        if let (Some(rule), Some(reply)) = (identity.permissions.responses, message.reply) {
            client.replies.allow(reply, rule, self.now);
        }
        sending.taker = identity.instance.as_ref().map(|_| client.origin.client).or(sending.taker);
        client.counts.out_messages += 1;
        client.counts.out_bytes += bytes as u64;
        self.counts.out_messages += 1;
        self.counts.out_bytes += bytes as u64;
        let pending = client.outbox.pending();
        if pending > FULL_BYTES {
            self.check_pending(key, pending, config);
        }
        self.wake(key);
        true
    }

    fn check_pending(&mut self, key: u32, pending: usize, config: &Config) {
        if pending > config.pending_bytes_max {
            self.slow_consumers += 1;
            self.close(key, Closing::SlowConsumer);
        } else if !self.full.contains(&key) {
            self.full.push(key);
        }
    }

    /// Tells services that clients subscribed to a filter, or unsubscribed from it.
    pub(crate) fn note_interest(&mut self, filter: &[u8]) {
        for (index, changed) in self.changed.iter_mut().enumerate() {
            changed.push(filter.into());
            if !self.called.contains(&index) {
                self.called.push(index);
            }
        }
    }

    /// Puts a client on the list of those that have to be woken.
    pub(crate) fn wake(&mut self, key: u32) {
        if let Some(client) = self.clients.get_mut(key as usize).filter(|client| !client.is_ready) {
            client.is_ready = true;
            self.ready.push(key);
        }
    }

    /// Writes something to a client.
    pub(crate) fn write(&mut self, key: u32, write: impl FnOnce(&mut Vec<u8>)) {
        if let Some(client) = self.clients.get_mut(key as usize) {
            client.outbox.append(&mut self.pool, write);
            self.wake(key);
        }
    }

    /// Tells a client what it did wrong.
    pub(crate) fn error(&mut self, key: u32, text: &str) {
        self.write(key, |out| write_error(text, out));
    }

    /// Tells a client what it did wrong, and ends the connection.
    pub(crate) fn refuse(&mut self, key: u32, text: &str) {
        self.error(key, text);
        self.close(key, Closing::Refused);
    }

    /// Ends a connection once what waits has been written; at once if nobody will take it.
    pub(crate) fn close(&mut self, key: u32, why: Closing) {
        let Some(client) = self.clients.get_mut(key as usize) else { return };
        if client.closing.is_none() || why == Closing::Gone {
            client.closing = Some(why);
        }
        if matches!(why, Closing::SlowConsumer | Closing::Gone) {
            client.outbox.clear(&mut self.pool);
        }
        self.wake(key);
    }
}

/// A client for which more waits holds back those that publish to it, as long as it takes anything at all.
pub(crate) const FULL_BYTES: usize = 1 << 20;
