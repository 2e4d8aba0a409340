//! What a service may do with messages: D, decided for each operation as C is for each call.
//!
//! A topic's stream is read through consumers by those that subscribe, and never changed by any service. A consumer belongs to the
//! service that made it ([`is_own`]); durable ones are named after it, and no name that begins like another service's is taken. Buckets
//! and object stores belong to one service, which may do with them what clients do, but for making and removing them.

mod denials;
mod operation;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, sync::Arc};

use model::{
    ServiceName, TopicName,
    spec::{Bucket, Objects, System},
};

use crate::subject::{Permissions, Rules, is_subset};

pub use denials::Denials;
pub use operation::{ConsumerWish, Operation};

/// Where clients get answers and deliveries.
const INBOXES: &str = "_INBOX.>";

/// The rights of one service.
#[derive(Debug, Clone)]
pub struct Access {
    service: ServiceName,
    system: Arc<System>,
    streams: BTreeMap<Box<str>, Stream>,
}

/// What a service has to do with a stream, whose information it may read in any case.
#[derive(Debug, Clone, Default)]
pub struct Stream {
    /// The subjects of the stream.
    pub subjects: Vec<Box<str>>,
    /// It may publish to them.
    pub publishes: bool,
    /// It may read its messages.
    pub reads: bool,
    /// It is a bucket or an object store of its own.
    pub owns: bool,
}

impl Access {
    /// The rights of a service of a system; none if there is no such service.
    pub fn new(system: &Arc<System>, name: &ServiceName) -> Self {
        let mut access = Self { service: name.clone(), system: system.clone(), streams: BTreeMap::new() };
        let Some(service) = system.services.get(name) else { return access };
        for topic in &service.publishes {
            access.topic(topic).publishes = true;
        }
        for topic in &service.subscribes {
            access.topic(topic).reads = true;
        }
        let buckets = service.buckets.iter().map(|name| Bucket::default().stream(name));
        for stream in buckets.chain(service.objects.iter().map(|name| Objects::default().stream(name))) {
            let subjects = stream.subjects.iter().map(|subject| subject.as_str().into()).collect();
            let own = Stream { subjects, publishes: true, reads: true, owns: true };
            access.streams.insert(stream.name.into(), own);
        }
        access
    }

    fn topic(&mut self, topic: &TopicName) -> &mut Stream {
        let stream = self.streams.entry(topic.stream().into()).or_default();
        stream.subjects = vec![topic.as_str().into()];
        stream
    }

    /// The streams that it has to do with, by name.
    pub fn streams(&self) -> impl Iterator<Item = (&str, &Stream)> {
        self.streams.iter().map(|(name, stream)| (&**name, stream))
    }

    /// What it may subscribe to: inboxes, and what it may read.
    pub fn subscribes(&self) -> Vec<&str> {
        let readable = self.streams.values().filter(|stream| stream.reads).flat_map(|stream| &stream.subjects);
        [INBOXES].into_iter().chain(readable.map(|subject| &**subject)).collect()
    }

    /// The same as the rights of a connection; what it may publish is decided message by message.
    pub fn permissions(&self) -> Permissions {
        Permissions { subscribe: Rules::new(Some(&self.subscribes()), &[]), ..Permissions::default() }
    }

    /// Whether it may do this.
    pub fn allows(&self, operation: &Operation<'_>) -> bool {
        let of = |name: &str, right: fn(&Stream) -> bool| self.streams.get(name).is_some_and(right);
        match *operation {
            Operation::AccountInfo => true,
            Operation::Publish(subject) => self.covers(subject, |stream| stream.publishes),
            Operation::FindStreams(subject) => self.covers(subject, |_| true),
            Operation::StreamInfo(name) | Operation::StreamAsIs(name) => of(name, |_| true),
            Operation::Purge(name) | Operation::MessageDelete(name) => of(name, |stream| stream.owns),
            Operation::MessageGet(name) => of(name, |stream| stream.reads),
            Operation::ConsumerCreate(ref wish) => {
                self.streams.get(wish.stream).is_some_and(|stream| self.may_create(stream, wish))
            }
            Operation::ConsumerUse { stream, consumer } => {
                self.streams.get(stream).is_some_and(|stream| stream.reads && self.may_use(stream, consumer))
            }
            Operation::ConsumerList(name) => of(name, |stream| stream.owns),
        }
    }

    /// Whether all subjects that the filter stands for are those of one stream with the right.
    fn covers(&self, filter: &str, right: fn(&Stream) -> bool) -> bool {
        let with_right = self.streams.values().filter(|stream| right(stream));
        with_right.flat_map(|stream| &stream.subjects).any(|of| is_subset(filter.as_bytes(), of.as_bytes()))
    }

    fn may_create(&self, stream: &Stream, wish: &ConsumerWish<'_>) -> bool {
        let within = |filter: &&str| stream.subjects.iter().any(|of| is_subset(filter.as_bytes(), of.as_bytes()));
        let is_own = if wish.durable && !stream.owns {
            self.owner(wish.name) == Some(self.service.as_str())
        } else {
            self.may_use(stream, wish.name)
        };
        let to_inbox = wish.deliver.is_none_or(|subject| is_subset(subject.as_bytes(), INBOXES.as_bytes()));
        stream.reads && is_own && to_inbox && wish.filters.iter().all(within)
    }

    fn owner<'a>(&self, consumer: &'a str) -> Option<&'a str> {
        owner(consumer, |name| name.parse().is_ok_and(|name: ServiceName| self.system.services.contains_key(&name)))
    }

    /// Whether a consumer is its own, or nobody's by its name.
    fn may_use(&self, stream: &Stream, consumer: &str) -> bool {
        stream.owns || self.owner(consumer).is_none_or(|owner| owner == self.service.as_str())
    }
}

/// Whether a consumer that there is is a service's own: the service made it, or if no service did, it is named after it. A name that
/// [`Access::allows`] refuses is not asked about.
pub fn is_own(consumer: &str, creator: Option<&ServiceName>, service: &ServiceName) -> bool {
    match creator {
        Some(creator) => creator == service,
        None => owner(consumer, |name| name == service.as_str()).is_some(),
    }
}

/// The service that a consumer belongs to by its name: the one with the longest name that the consumer's is, or begins with before
/// a `-`.
pub fn owner(consumer: &str, is_service: impl Fn(&str) -> bool) -> Option<&str> {
    let dashes = consumer.rmatch_indices('-').map(|(at, _)| at);
    [consumer.len()].into_iter().chain(dashes).map(|end| &consumer[..end]).find(|name| is_service(name))
}
