//! The state of topics and buckets.

use std::collections::BTreeMap;

use logic::access::owner;
use model::{
    BucketName, Gather, ServiceName, TopicName,
    api::{BucketStatus, ConsumerStatus, TopicStatus},
    spec::{Bucket, Service, System},
    streams::{ConsumerConfig, Durability, limit},
};
use ports::streams::{ConsumerState, StreamState};

use super::{Messaging, problem::refused};
use crate::supervisor::Answer;

/// How many dead letters there are, by stream and consumer.
type Dead = BTreeMap<(String, String), u64>;

impl Messaging {
    /// Every topic.
    pub(crate) async fn statuses(&self) -> Answer<Vec<TopicStatus>> {
        self.statuses_of(self.system.topics.keys()).await
    }

    /// One topic.
    pub(crate) async fn status(&self, name: &TopicName) -> Answer<TopicStatus> {
        self.status_among(name, &self.streams.topics.list().await.map_err(refused)?).await
    }

    /// Those that a service may consume.
    pub(crate) async fn topics_of(&self, service: &ServiceName) -> Answer<Vec<TopicStatus>> {
        let subscribes = self.system.services.get(service).map(|service| &service.subscribes);
        self.statuses_of(subscribes.into_iter().flatten()).await
    }

    async fn statuses_of(&self, names: impl Iterator<Item = &TopicName>) -> Answer<Vec<TopicStatus>> {
        let mut statuses = Vec::new();
        let mut names = names.peekable();
        if names.peek().is_none() {
            return Ok(statuses);
        }
        let all = self.streams.topics.list().await.map_err(refused)?;
        for name in names {
            statuses.push(self.status_among(name, &all).await?);
        }
        Ok(statuses)
    }

    async fn status_among(&self, name: &TopicName, all: &[StreamState]) -> Answer<TopicStatus> {
        let stream = name.stream();
        let state = all.iter().find(|state| state.config.name == stream);
        let state = match state {
            Some(state) => state.clone(),
            None => self.streams.topics.info(&stream).await.map_err(refused)?,
        };
        let consumers = self.streams.topics.consumers(&stream).await.map_err(refused)?;
        Ok(topic(&self.system, name, &state, &consumers, &dead(all)))
    }

    /// The consumers of a topic that have had dead letters, those that are gone too.
    pub(super) async fn dead_consumers(&self, name: &TopicName) -> Answer<Vec<String>> {
        let (all, stream) = (self.streams.topics.list().await.map_err(refused)?, name.stream());
        let of_stream = dead(&all).into_iter().filter(|((of, _), _)| *of == stream);
        Ok(of_stream.map(|((_, consumer), _)| consumer).collect())
    }

    /// Every bucket.
    pub(crate) async fn bucket_statuses(&self) -> Answer<Vec<BucketStatus>> {
        let mut owned: Vec<_> = self.owned().collect();
        owned.sort();
        let mut statuses = Vec::new();
        for (name, owner) in owned {
            let state = self.streams.topics.info(&Bucket::stream_name(name)).await.map_err(refused)?;
            statuses.push(bucket(name, owner, &state));
        }
        Ok(statuses)
    }
}

/// The streams of dead letters: their subjects are `$DEAD.STREAM.CONSUMER.>`.
fn dead(all: &[StreamState]) -> Dead {
    let of = |state: &StreamState| match state.config.subjects.first()?.split('.').collect::<Vec<_>>()[..] {
        ["$DEAD", stream, consumer, ">"] => Some(((stream.to_owned(), consumer.to_owned()), state.messages)),
        _ => None,
    };
    all.iter().filter_map(of).gather()
}

fn topic(
    system: &System,
    name: &TopicName,
    state: &StreamState,
    consumers: &[ConsumerState],
    dead: &Dead,
) -> TopicStatus {
    let who = |right: fn(&Service, &TopicName) -> bool| -> Vec<ServiceName> {
        let services = system.services.iter().filter(|(_, service)| right(service, name));
        services.map(|(service, _)| service.clone()).collect()
    };
    let config = &state.config;
    let count = |consumer: &str| dead.get(&(config.name.clone(), consumer.to_owned())).copied().unwrap_or(0);
    TopicStatus {
        name: name.clone(),
        stream: config.name.clone(),
        publishers: who(|service, name| service.publishes.contains(name)),
        subscribers: who(|service, name| service.subscribes.contains(name)),
        messages: state.messages,
        bytes: state.bytes,
        first_sequence: state.first_sequence,
        last_sequence: state.last_sequence,
        first_at: state.first_at,
        last_at: state.last_at,
        retention: config.retention,
        messages_max: limit(config.max_msgs),
        bytes_max: limit(config.max_bytes),
        age_max_ms: u64::try_from(config.max_age.as_millis()).ok().filter(|age| *age > 0),
        durability: system.nats.is_none().then(|| Durability::read(&config.metadata).unwrap_or_default().to_string()),
        dead: dead.iter().filter(|((stream, _), _)| *stream == config.name).map(|(_, count)| count).sum(),
        consumers: consumers.iter().map(|state| consumer(system, state, count(&state.name))).collect(),
    }
}

/// The service that a consumer belongs to by its name.
pub(super) fn service_of(system: &System, consumer: &str) -> Option<ServiceName> {
    let service =
        owner(consumer, |name| name.parse().is_ok_and(|name: ServiceName| system.services.contains_key(&name)));
    service.and_then(|name| name.parse().ok())
}

fn consumer(system: &System, state: &ConsumerState, dead: u64) -> ConsumerStatus {
    ConsumerStatus {
        name: state.name.clone(),
        service: service_of(system, &state.name),
        durable: ConsumerConfig::is_durable(&state.config),
        delivered_sequence: state.delivered,
        pending: state.pending,
        unacknowledged: state.ack_pending,
        redelivered: state.redelivered,
        paused: state.is_paused,
        dead,
    }
}

fn bucket(name: &BucketName, owner: &ServiceName, state: &StreamState) -> BucketStatus {
    BucketStatus {
        name: name.clone(),
        owner: owner.clone(),
        entries: state.messages,
        bytes: state.bytes,
        revision: state.last_sequence,
        last_at: state.last_at,
    }
}

#[cfg(test)]
mod tests {
    use model::{
        Timestamp,
        spec::{Nats, Topic},
        streams::DURABILITY_KEY,
    };

    use super::*;

    #[test]
    fn durability_is_what_the_stream_says_unless_another_server_decides() {
        let name: TopicName = "orders.placed".parse().unwrap();
        let mut state = StreamState {
            config: Topic::default().stream(&name),
            created: Timestamp(0),
            messages: 0,
            bytes: 0,
            first_sequence: 0,
            last_sequence: 0,
            first_at: None,
            last_at: None,
            subjects: 0,
            consumers: 0,
        };
        let mut system = System::new("shop".parse().unwrap());
        let told = |system: &System, state: &StreamState| topic(system, &name, state, &[], &Dead::new()).durability;
        assert_eq!(told(&system, &state).as_deref(), Some("always"));
        state.config.metadata.insert(DURABILITY_KEY.into(), "interval:10ms".into());
        assert_eq!(told(&system, &state).as_deref(), Some("interval:10ms"));
        system.nats = Some(Nats { url: "nats://127.0.0.1:4222".parse().unwrap(), ca: None, users: false });
        assert_eq!(told(&system, &state), None);
    }
}
