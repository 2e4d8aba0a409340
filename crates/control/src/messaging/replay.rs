//! Messages for a consumer that had them already.

use model::{
    TopicName,
    api::{Replayed, Start},
};
use ports::streams::{self, StreamState};

use super::{
    Messaging,
    problem::{not_moved, not_yet, refused, unknown},
    read::place,
};
use crate::supervisor::Answer;

impl Messaging {
    /// Lets one consumer go on from there.
    pub(crate) async fn replay(&self, topic: &TopicName, consumer: &str, start: Start) -> Answer<Replayed> {
        let stream = topic.stream();
        let consumers = self.streams.topics.consumers(&stream).await.map_err(refused)?;
        if consumers.iter().all(|state| state.name != consumer) {
            return Err(unknown("consumer", consumer, consumers.iter().map(|state| state.name.as_str())));
        }
        let state = self.streams.topics.info(&stream).await.map_err(refused)?;
        if matches!(start, Start::Sequence(sequence) if sequence > state.last_sequence + 1) {
            return Err(not_yet(state.last_sequence));
        }
        let start = place(start, &state, self.clock.now());
        let moved = self.streams.topics.rewind(&stream, consumer, start).await;
        let messages = moved.map_err(|error| not_moved(topic, error))?;
        let sequence = self.first_from(&state, start).await?;
        let unacknowledged = self.first_awaited(&stream, consumer).await?.filter(|first| *first < sequence);
        Ok(Replayed { sequence, messages, unacknowledged })
    }

    /// The first message that was delivered to the consumer and not acknowledged.
    async fn first_awaited(&self, stream: &str, consumer: &str) -> Answer<Option<u64>> {
        let consumers = self.streams.topics.consumers(stream).await.map_err(refused)?;
        let awaits = consumers.iter().find(|state| state.name == consumer && state.ack_pending > 0);
        Ok(awaits.map(|state| state.acknowledged + 1))
    }

    /// The sequence of the first message from there on; that of the next to come if there is none.
    async fn first_from(&self, state: &StreamState, start: streams::Start) -> Answer<u64> {
        let found = match start {
            streams::Start::New => Vec::new(),
            start => self.streams.topics.read(&state.config.name, start, 1).await.map_err(refused)?,
        };
        Ok(found.first().map_or(state.last_sequence + 1, |message| message.sequence))
    }
}
