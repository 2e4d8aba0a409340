//! Pull requests: who waits for messages of which consumer.

use std::{collections::HashMap, time::Duration};

use logic::consumer::{Event, Pull};

use super::{Engine, listeners::Sender};
use crate::{
    jetstream::{ApiError, Next, Status},
    server::Interest,
};

/// A request that waits, as the engine knows it. What it waits for is the consumer's matter.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) inbox: Box<[u8]>,
    pub(super) stream: u64,
    pub(super) consumer: u64,
    /// Whose it is, if that is an instance.
    pub(super) client: u64,
}

/// The requests that wait, and those that have just come.
#[derive(Debug, Default)]
pub(super) struct Requests {
    pub(super) by_id: HashMap<u64, Request>,
    last: u64,
    fresh: Vec<(Request, Pull)>,
}

impl Requests {
    /// A number that none had before.
    pub(super) fn next_id(&mut self) -> u64 {
        self.last += 1;
        self.last
    }
}

impl Engine {
    /// Somebody asks for messages. The consumer hears of it when everything that came with it has been handed over.
    pub(super) fn next(
        &mut self,
        consumer: (&str, &str),
        next: &Next,
        inbox: &[u8],
        client: u64,
    ) -> Result<(), ApiError> {
        let (stream, consumer) = self.find_consumer(consumer.0, consumer.1)?;
        if !inbox.is_empty() {
            let pull = pull(self.requests.next_id(), client, next);
            self.requests.fresh.push((Request { inbox: inbox.into(), stream, consumer, client }, pull));
        }
        Ok(())
    }

    /// Hands the new requests to their consumers, but for those whose answers nobody would hear.
    pub(super) fn serve_requests(&mut self, interest: &Interest<'_>) {
        if self.check_sound().is_err() {
            return;
        }
        for (request, pull) in std::mem::take(&mut self.requests.fresh) {
            let (stream, consumer) = (request.stream, request.consumer);
            if !self.has_consumer(stream, consumer) {
                continue;
            }
            if !self.clients.ask(pull.client, stream, consumer) {
                if pull.no_wait {
                    self.send_status(&request.inbox, &Status::NoMessages);
                }
            } else if interest.exists(&request.inbox, None) {
                self.remember(pull.id, request);
                self.handle(stream, consumer, Event::Pull(pull));
            }
        }
    }

    /// Remembers where the answers to a request go.
    pub(super) fn remember(&mut self, id: u64, request: Request) {
        self.listeners.insert(&request.inbox, Sender::Request(id));
        self.requests.by_id.insert(id, request);
    }

    /// A request has ended.
    pub(super) fn forget(&mut self, id: u64) {
        if let Some(request) = self.requests.by_id.remove(&id) {
            self.listeners.remove(&request.inbox, Sender::Request(id));
        }
    }

    /// Tells consumers who has begun and ceased to listen.
    pub(super) fn note_interest(&mut self, interest: &Interest<'_>) {
        for filter in interest.changed {
            for (subject, sender) in self.listeners.touched(filter) {
                match sender {
                    Sender::Push(stream, consumer) => self.unbound.push((stream, consumer)),
                    Sender::Request(_) if interest.exists(&subject, None) => {}
                    Sender::Request(id) => self.abandon(id),
                }
            }
        }
        if self.check_sound().is_ok() {
            let unbound = std::mem::take(&mut self.unbound);
            unbound.into_iter().for_each(|(stream, consumer)| self.bind(stream, consumer, interest));
        }
    }

    fn abandon(&mut self, id: u64) {
        if let Some(Request { stream, consumer, .. }) = self.requests.by_id.get(&id) {
            self.handle(*stream, *consumer, Event::Abandoned(id));
        }
        self.forget(id);
    }

    pub(super) fn has_consumer(&self, stream: u64, consumer: u64) -> bool {
        self.streams.get(&stream).is_some_and(|kept| kept.hub.get(consumer).is_some())
    }

    /// Tells a push consumer whether anybody listens, if it does not know.
    fn bind(&mut self, stream: u64, consumer: u64, interest: &Interest<'_>) {
        let machine = self.streams.get(&stream).and_then(|kept| kept.hub.get(consumer));
        let Some(machine) = machine.filter(|machine| machine.settings().config.is_push()) else { return };
        let config = &machine.settings().config;
        let group = Some(config.deliver_group.as_bytes()).filter(|group| !group.is_empty());
        let exists = interest.exists(config.deliver_subject.as_bytes(), group);
        if exists != machine.is_bound() {
            self.handle(stream, consumer, Event::Interest(exists));
        }
    }
}

/// A request as the consumer's machine takes it.
pub(super) fn pull(id: u64, client: u64, next: &Next) -> Pull {
    let duration = |nanos: i64| u64::try_from(nanos).ok().filter(|nanos| *nanos > 0).map(Duration::from_nanos);
    Pull {
        id,
        client,
        batch: next.batch,
        max_bytes: Some(next.max_bytes).filter(|bytes| *bytes > 0),
        expires: duration(next.expires.0),
        no_wait: next.no_wait,
        heartbeat: duration(next.idle_heartbeat.0),
    }
}
