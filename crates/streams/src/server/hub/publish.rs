//! The way of a message from the one who publishes it to all who get it.

use std::mem::take;

use logic::subject::{Found, is_subject};
use model::Timestamp;
use wire::nats::{write_field, write_headers_end, write_message, write_status};

use super::{
    Hub,
    client::Recent,
    errors,
    parties::{self, Owner, Parties, Sending},
};
use crate::server::{Batch, Interest, Message};

impl Hub {
    /// A client publishes a message.
    pub(super) fn publish(&mut self, key: u32, message: Message<'_>, recent: &mut Recent) {
        let Some(client) = self.parties.clients.get_mut(key as usize) else { return };
        let bytes = (message.headers.len() + message.payload.len()) as u64;
        client.counts.in_messages += 1;
        client.counts.in_bytes += bytes;
        self.parties.counts.in_messages += 1;
        self.parties.counts.in_bytes += bytes;
        let (options, limited) = (&client.options, client.limited);
        let (echo, verbose, no_responders) = (options.echo, options.verbose, options.no_responders);
        if !message.headers.is_empty() && !options.headers {
            return self.parties.refuse(key, errors::HEADERS);
        }
        if options.pedantic && !is_subject(message.subject) {
            return self.parties.error(key, errors::PUBLISH_SUBJECT);
        }
        if recent.subject != message.subject || !self.sublist.is_current(&recent.found) {
            recent.is_allowed = !limited || client.origin.identity.permissions.may_publish(message.subject);
            recent.subject.clear();
            recent.subject.extend_from_slice(message.subject);
            self.sublist.find(message.subject, &mut recent.found);
        }
        if limited && let Some(violation) = self.publish_violation(key, &message, recent.is_allowed) {
            return self.parties.error(key, &violation);
        }
        if verbose {
            self.confirm(key);
        }
        let reached = self.route(&mut Sending::new(message.subject, message, Some(key), echo), &recent.found);
        if !reached && no_responders {
            self.tell_of_nobody(key, &message);
        }
        self.end_subscriptions();
    }

    /// Publishes messages that no client sent. Who waits for an answer is told if nobody got the request.
    pub(crate) fn publish_batch(&mut self, batch: &Batch, now: Timestamp) {
        self.parties.now = now;
        let unheard = self.publish_all(batch, None);
        self.publish_all(&unheard, None);
        self.settle();
        // Nobody here can be held back.
        self.parties.full.clear();
    }

    /// Lets the services settle although nothing came for them.
    pub(crate) fn settle_services(&mut self, now: Timestamp) {
        self.parties.now = now;
        self.parties.called = (0..self.parties.services.len()).collect();
        self.settle();
        self.parties.full.clear();
    }

    /// Publishes what a service or nobody sent. Returns what tells those who asked that nobody heard it.
    fn publish_all(&mut self, batch: &Batch, service: Option<usize>) -> Batch {
        let mut found = take(&mut self.found);
        let mut unheard = Batch::default();
        for (to, message) in batch.iter() {
            self.sublist.find(to, &mut found);
            let mut sending =
                Sending { spares_drained: to != message.subject, ..Sending::new(to, message, None, true) };
            let mut reached = self.route(&mut sending, &found);
            if !reached && sending.spares_drained {
                // It was decided before the drain, and is the instance's if nobody else is there.
                sending.spares_drained = false;
                reached = self.route(&mut sending, &found);
            }
            if let (Some(service), Some(client), true) = (service, sending.taker, to != message.subject) {
                self.parties.services[service].given(&message, client);
            }
            if let Some(reply) = message.reply.filter(|_| !reached) {
                let headers = nobody(message.subject);
                unheard.push(&Message { subject: reply, reply: None, headers: &headers, payload: b"" });
            }
            self.end_subscriptions();
        }
        self.found = found;
        unheard
    }

    /// Tells services that got something, or whose clients subscribed and unsubscribed, that this is all, and does what they
    /// want, until they want nothing.
    pub(super) fn settle(&mut self) {
        while let Some(index) = self.parties.called.pop() {
            let mut outgoing = take(&mut self.parties.outgoing[index]);
            let changed = take(&mut self.parties.changed[index]);
            let Parties { services, subscriptions, clients, .. } = &mut self.parties;
            let is_drained = |subscription| parties::is_drained(subscriptions, clients, subscription);
            let interest = Interest { changed: &changed, sublist: &self.sublist, is_drained: &is_drained };
            services[index].settle(&interest, &mut outgoing);
            outgoing.changes.drain(..).for_each(|change| self.change(index, change));
            self.publish_all(&outgoing.messages, Some(index));
            outgoing.messages.clear();
            // What it asked for meanwhile is in the other one: it was called again then.
            if self.parties.outgoing[index].is_empty() {
                self.parties.outgoing[index] = outgoing;
            }
        }
    }

    /// Gives a message to all that were found; says whether anybody took it.
    fn route(&mut self, sending: &mut Sending<'_>, found: &Found<u32>) -> bool {
        sending.to_many = found.members().len() > 1;
        let mut reached = false;
        for member in found.members() {
            reached |= self.parties.give(*member, sending, &self.config);
        }
        for group in found.groups() {
            let mut order = self.sublist.order(group, self.random.u64(..));
            reached |= order.any(|member| self.parties.give(member, sending, &self.config));
        }
        reached
    }

    /// Answers a request that nobody got, where somebody waits for the answer. It is no message that a subscription counts.
    fn tell_of_nobody(&mut self, key: u32, request: &Message<'_>) {
        let Some(reply) = request.reply else { return };
        let headers = nobody(request.subject);
        let mut found = take(&mut self.found);
        self.sublist.find(reply, &mut found);
        let own = found.members().iter().find_map(|member| {
            let subscription = self.parties.subscriptions.get(*member as usize)?;
            (subscription.owner == Owner::Client(key)).then(|| subscription.sid.clone())
        });
        self.found = found;
        if let Some(sid) = own {
            self.parties.write(key, |out| write_message(reply, &sid, None, &headers, b"", out));
        }
    }
}

/// The header block of the answer that nobody gave.
fn nobody(subject: &[u8]) -> Vec<u8> {
    let mut headers = Vec::new();
    write_status(Some((503, "")), &mut headers);
    write_field("Nats-Subject", subject, &mut headers);
    write_headers_end(&mut headers);
    headers
}
