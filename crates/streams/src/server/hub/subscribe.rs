//! Subscriptions come and go.

use std::{collections::hash_map::Entry, mem::take};

use logic::subject::{SubscribeVerdict, inbox, is_filter};
use model::Asked;
use wire::nats::Subscribe;

use super::{
    Hub, errors,
    parties::{Owner, Subscription},
    rights,
};
use crate::server::service::Change;

impl Hub {
    /// A client subscribes.
    pub(super) fn subscribe(&mut self, key: u32, asked: Subscribe<'_>) {
        let Subscribe { subject, queue, sid } = asked;
        if !is_filter(subject) || queue.is_some_and(|queue| !is_filter(queue)) {
            return self.parties.error(key, errors::SUBJECT);
        }
        let verdict = self.subscribe_verdict(key, subject);
        if verdict == SubscribeVerdict::Denied {
            self.client(key).into_iter().for_each(|client| {
                client.origin.identity.note_denial(Asked::Subscribe, subject);
            });
            return self.parties.error(key, &violation(subject, queue));
        }
        let Some(client) = self.client(key) else { return };
        let is_new = !client.subscriptions.contains_key(sid);
        if is_new && client.subscriptions.len() >= self.config.subscriptions_max {
            return self.parties.error(key, errors::SUBSCRIPTIONS);
        }
        let has_own_inboxes = client.has_own_inboxes();
        if is_new {
            let in_part = verdict == SubscribeVerdict::InPart;
            let subscription = self.add(Owner::Client(key), subject, queue, sid, in_part);
            self.parties.note_interest(subject);
            if has_own_inboxes {
                self.keep_to_own_inboxes(subscription);
            }
            self.client_mut(key).into_iter().for_each(|client| {
                client.subscriptions.insert(sid.into(), subscription);
            });
        }
        self.confirm(key);
    }

    /// A client wants no more of a subscription, at once or after `max` messages in all.
    pub(super) fn unsubscribe(&mut self, key: u32, sid: &[u8], max: Option<u64>) {
        let Some(client) = self.parties.clients.get_mut(key as usize) else { return };
        if let Some(subscription) = client.subscriptions.get(sid).copied()
            && let Some(known) = self.parties.subscriptions.get_mut(subscription as usize)
        {
            match max.filter(|max| *max > known.delivered) {
                Some(max) => known.max = max,
                None => {
                    client.subscriptions.remove(sid);
                    self.forget(subscription);
                }
            }
        }
        self.confirm(key);
    }

    /// Takes away the subscriptions that got their last message.
    pub(super) fn end_subscriptions(&mut self) {
        while let Some(subscription) = self.parties.ended.pop() {
            let Some(known) = self.parties.subscriptions.get_mut(subscription as usize) else { continue };
            if let Owner::Client(key) = known.owner
                && let Some(client) = self.parties.clients.get_mut(key as usize)
            {
                client.subscriptions.remove(&known.sid);
            }
            self.forget(subscription);
        }
    }

    /// Removes a subscription that its owner does not know any more.
    pub(super) fn forget(&mut self, subscription: u32) {
        if let Some(known) = self.parties.subscriptions.try_remove(subscription as usize) {
            self.sublist.remove(&known.filter, known.queue.as_deref(), subscription);
            if let Owner::Client(_) = known.owner {
                self.parties.note_interest(&known.filter);
            }
            if known.claims {
                inbox(&known.filter).into_iter().for_each(|name| self.parties.inboxes.release(name));
            }
        }
    }

    /// Lets the services subscribe to what they are there for.
    pub(super) fn start_services(&mut self) {
        for index in 0..self.parties.services.len() {
            let mut outgoing = take(&mut self.parties.outgoing[index]);
            self.parties.services[index].start(&mut outgoing);
            self.parties.outgoing[index] = outgoing;
            self.parties.called.push(index);
        }
        self.settle();
    }

    pub(super) fn change(&mut self, service: usize, change: Change) {
        match change {
            Change::Subscribe(filter) => {
                let subscription = self.add(Owner::Service(service), &filter, None, b"", false);
                self.parties.of_services.entry((service, filter)).or_default().push(subscription);
            }
            Change::Unsubscribe(filter) => {
                let Entry::Occupied(mut entry) = self.parties.of_services.entry((service, filter)) else { return };
                let last = entry.get_mut().pop();
                if entry.get().is_empty() {
                    entry.remove();
                }
                last.into_iter().for_each(|subscription| self.forget(subscription));
            }
        }
    }

    fn add(&mut self, owner: Owner, filter: &[u8], queue: Option<&[u8]>, sid: &[u8], in_part: bool) -> u32 {
        let (of, boxed) = (queue.map(Into::into), filter.into());
        let known = Subscription {
            owner,
            filter: boxed,
            queue: of,
            sid: sid.into(),
            delivered: 0,
            max: 0,
            in_part,
            own_inboxes: false,
            claims: false,
        };
        let subscription = self.parties.subscriptions.insert(known);
        let subscription = u32::try_from(subscription).expect("memory ends before 2^32 subscriptions do");
        self.sublist.insert(filter, queue, subscription);
        subscription
    }
}

pub(super) fn violation(subject: &[u8], queue: Option<&[u8]>) -> String {
    let violation = rights::violation(Asked::Subscribe, subject);
    match queue.map(String::from_utf8_lossy) {
        Some(queue) => format!("{violation} using queue \"{queue}\""),
        None => violation,
    }
}
