//! Instances that get messages: what they have is awaited before they stop, and comes again when they have gone.

use std::collections::{BTreeSet, HashMap};

use logic::{access, consumer::Event};

use super::Engine;
use crate::{jetstream::AckSubject, server::Origin};

/// The clients that are instances, by the numbers of their connections.
#[derive(Debug, Default)]
pub(super) struct Clients(HashMap<u64, Client>);

#[derive(Debug, Default)]
struct Client {
    /// The streams and consumers that it has asked, or that have pushed to it.
    consumers: BTreeSet<(u64, u64)>,
    /// While it is drained: the commit after which nothing that was decided before is on its way to it.
    draining: Option<u64>,
}

impl Clients {
    /// The number of a client that is an instance, 0 of any other.
    pub(super) fn number(from: Option<&Origin>) -> u64 {
        from.filter(|origin| origin.identity.instance.is_some()).map_or(0, |origin| origin.client)
    }

    /// A client asks a consumer for messages; says whether it may have any.
    pub(super) fn ask(&mut self, client: u64, stream: u64, consumer: u64) -> bool {
        if client == 0 {
            return true;
        }
        let client = self.0.entry(client).or_default();
        client.consumers.insert((stream, consumer));
        client.draining.is_none()
    }

    /// A consumer has gone.
    pub(super) fn forget(&mut self, stream: u64, consumer: u64) {
        for client in self.0.values_mut() {
            client.consumers.remove(&(stream, consumer));
        }
    }
}

impl Engine {
    /// Whether a client may have to do with a consumer, if there is one: a service only with its own.
    pub(super) fn is_own(&self, stream: &str, consumer: &str, from: Option<&Origin>) -> bool {
        let Some(service) = from.and_then(|origin| origin.identity.service.as_ref()) else { return true };
        let Ok(kept) = self.find(stream) else { return true };
        let member = kept.members.find(consumer).and_then(|id| kept.members.get(id));
        member.is_none_or(|member| access::is_own(consumer, member.creator.as_ref(), service))
    }

    /// A client gets nothing new: its requests wait in vain.
    pub(super) fn drain_client(&mut self, client: u64) {
        let last = self.writer.last_with_letters();
        self.clients.0.entry(client).or_default().draining.get_or_insert(last);
        let requests = self.requests.by_id.iter().filter(|(_, request)| request.client == client);
        let ended: Vec<_> = requests.map(|(id, request)| (*id, request.stream, request.consumer)).collect();
        for (id, stream, consumer) in ended {
            self.handle(stream, consumer, Event::Abandoned(id));
            self.forget(id);
        }
    }

    /// A client has got a message of a push consumer. What is pulled is the client's from the decision on.
    pub(super) fn note_taker(&mut self, reply: &[u8], client: u64) -> Option<()> {
        let delivery = AckSubject::parse(str::from_utf8(reply).ok()?)?.delivery;
        let (stream, consumer) = self.find_consumer(delivery.stream, delivery.consumer).ok()?;
        let machine = self.streams.get_mut(&stream)?.hub.get_mut(consumer)?;
        if machine.settings().config.is_push() {
            machine.taken(delivery.stream_seq, client);
            self.clients.ask(client, stream, consumer);
        }
        Some(())
    }

    /// A client has gone: others get what it had.
    pub(super) fn client_gone(&mut self, client: u64) {
        // What comes again must not go to its own requests.
        self.drain_client(client);
        let consumers = self.clients.0.remove(&client).unwrap_or_default().consumers;
        if self.check_sound().is_ok() {
            consumers.into_iter().for_each(|(stream, consumer)| self.handle(stream, consumer, Event::Gone(client)));
        }
    }

    /// Whether a client has something that it has not acknowledged, or while it is drained may still get some.
    pub(super) fn is_client_busy(&self, client: u64) -> bool {
        let has_some = |(stream, consumer): &(u64, u64)| {
            let machine = self.streams.get(stream).and_then(|kept| kept.hub.get(*consumer));
            machine.is_some_and(|machine| machine.is_awaited_of(client))
        };
        let is_on_its_way = |known: &Client| known.draining.is_some_and(|last| !self.writer.has_sent(last));
        self.clients.0.get(&client).is_some_and(|known| is_on_its_way(known) || known.consumers.iter().any(has_some))
    }
}
