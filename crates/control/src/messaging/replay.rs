//! Messages for a consumer that had them already.

use model::{
    TopicName,
    api::{Replayed, Start},
};
use ports::streams;

use super::{
    Messaging,
    problem::{refused, unknown},
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
        let sequence = self.first_from(&stream, start).await?;
        self.streams.topics.rewind(&stream, consumer, streams::Start::Sequence(sequence)).await.map_err(refused)?;
        let consumers = self.streams.topics.consumers(&stream).await.map_err(refused)?;
        let state = consumers.iter().find(|state| state.name == consumer);
        Ok(Replayed { sequence, messages: state.map_or(0, |state| state.pending + state.ack_pending) })
    }

    /// The sequence of the first message from there on; that of the next to come if there is none.
    async fn first_from(&self, stream: &str, start: Start) -> Answer<u64> {
        let state = self.streams.topics.info(stream).await.map_err(refused)?;
        let start = place(start, &state, self.clock.now());
        let found = match start {
            streams::Start::New => Vec::new(),
            start => self.streams.topics.read(stream, start, 1).await.map_err(refused)?,
        };
        Ok(found.first().map_or(state.last_sequence + 1, |message| message.sequence))
    }
}
