//! Messages and consumers that are taken away.

use model::{
    Problem, ServiceName, TopicName,
    api::{RemovedConsumer, RemovedMessage},
};
use ports::streams::{self, ConsumerState, StreamsError};

use super::{
    Messaging,
    problem::{refused, unknown, unknown_message},
    status::service_of,
};
use crate::supervisor::Answer;

impl Messaging {
    /// Takes one message away, whoever has it or waits for it.
    pub(crate) async fn remove_message(&self, topic: &TopicName, sequence: &str) -> Answer<RemovedMessage> {
        let absent = || unknown_message(sequence, topic);
        let sequence = sequence.parse().map_err(|_| absent())?;
        let (topics, stream) = (&self.streams.topics, topic.stream());
        let found = topics.read(&stream, streams::Start::Sequence(sequence), 1).await.map_err(refused)?;
        if found.first().is_none_or(|message| message.sequence != sequence) {
            return Err(absent());
        }
        topics.delete(&stream, sequence).await.map_err(|error| match error {
            StreamsError::Absent(_) => absent(),
            error => refused(error),
        })?;
        Ok(RemovedMessage { sequence })
    }

    /// Takes a consumer away that nobody takes messages from.
    pub(crate) async fn remove_consumer(&self, topic: &TopicName, name: &str) -> Answer<RemovedConsumer> {
        let (topics, stream) = (&self.streams.topics, topic.stream());
        let consumers = topics.consumers(&stream).await.map_err(refused)?;
        let names = consumers.iter().map(|state| state.name.as_str());
        let state =
            consumers.iter().find(|state| state.name == name).ok_or_else(|| unknown("consumer", name, names))?;
        let service = service_of(&self.system, name);
        if is_used(state) {
            return Err(in_use(name, service.as_ref()));
        }
        topics.remove_consumer(&stream, name).await.map_err(refused)?;
        let subscribes = |service: &ServiceName| self.system.services[service].subscribes.contains(topic);
        Ok(RemovedConsumer { name: name.into(), made_again_by: service.filter(subscribes) })
    }
}

fn is_used(state: &ConsumerState) -> bool {
    state.waiting > 0 || state.is_bound
}

fn in_use(name: &str, service: Option<&ServiceName>) -> Box<Problem> {
    let hint = match service {
        Some(service) => format!("stop it first: `isles scale {service}=0`, or take the topic out of its `subscribes`"),
        None => "end the program that takes messages from it first".into(),
    };
    let detail = format!("somebody waits for messages of the consumer `{name}`");
    Box::new(Problem::new(409, "consumer-in-use", "the consumer is in use", hint).with_detail(detail))
}
