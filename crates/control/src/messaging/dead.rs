//! Dead letters.

use std::{collections::VecDeque, sync::Arc};

use model::{
    Problem, TopicName,
    api::{Content, DeadLetter, DeadLetterId, DeadQuery, WhichDead},
};
use ports::streams::{self, StreamsError, Topics};

use super::{
    Messaging,
    problem::{refused, unknown, unknown_dead_letter},
};
use crate::supervisor::Answer;

/// Dead letters that are read at once.
const PAGE: usize = 32;

/// What becomes of a dead letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is published again, and taken away.
    Replayed,
    /// It is taken away.
    Removed,
}

/// The dead letters of a topic, those of one consumer after those of the other.
pub(crate) struct DeadLetters {
    topics: Arc<dyn Topics>,
    stream: String,
    consumers: VecDeque<String>,
    from: u64,
    left: usize,
    page: VecDeque<DeadLetter>,
}

impl DeadLetters {
    /// The next one.
    pub(crate) async fn next(&mut self) -> Result<Option<DeadLetter>, StreamsError> {
        while self.page.is_empty()
            && self.left > 0
            && let Some(consumer) = self.consumers.front()
        {
            let found = self.topics.dead(&self.stream, consumer, self.from, PAGE.min(self.left)).await?;
            self.left -= found.len();
            self.from = found.last().map_or(0, |letter| letter.sequence + 1);
            self.page = found.into_iter().map(|letter| shown(consumer, letter)).collect();
            if self.page.is_empty() {
                self.consumers.pop_front();
            }
        }
        Ok(self.page.pop_front())
    }
}

impl Messaging {
    /// The dead letters of a topic.
    pub(crate) async fn dead(&self, topic: &TopicName, query: &DeadQuery) -> Answer<DeadLetters> {
        if !self.streams.topics.capabilities().redelivery {
            return Err(refused(StreamsError::Unsupported("dead letters")));
        }
        let mut consumers = self.dead_consumers(topic).await?;
        if let Some(one) = &query.consumer {
            self.expect_consumer(topic, one, &consumers).await?;
            consumers.retain(|consumer| consumer == one);
        }
        Ok(DeadLetters {
            topics: self.streams.topics.clone(),
            stream: topic.stream(),
            consumers: consumers.into(),
            from: 0,
            left: query.limit.map_or(usize::MAX, |limit| limit as usize),
            page: VecDeque::new(),
        })
    }

    /// Fails if there is no such consumer, and none that left dead letters.
    async fn expect_consumer(&self, topic: &TopicName, name: &str, with_dead: &[String]) -> Answer<()> {
        let consumers = self.streams.topics.consumers(&topic.stream()).await.map_err(refused)?;
        let names: Vec<&str> = consumers.iter().map(|state| &state.name).chain(with_dead).map(String::as_str).collect();
        if names.contains(&name) { Ok(()) } else { Err(unknown("consumer", name, names.into_iter())) }
    }

    /// Replays or removes dead letters: these, or all that there are at this moment.
    pub(crate) async fn settle_dead(
        &self,
        topic: &TopicName,
        which: WhichDead,
        fate: Fate,
    ) -> Answer<Vec<DeadLetterId>> {
        let query = DeadQuery { consumer: which.consumer, limit: None };
        let ids = match which.ids {
            Some(ids) => {
                ids.into_iter().filter(|id| query.consumer.as_ref().is_none_or(|of| *of == id.consumer)).collect()
            }
            None => self.all_dead(topic, &query).await?,
        };
        let mut settled = Vec::new();
        for id in ids {
            let done = self.settle_one(&topic.stream(), &id, fate).await;
            done.map_err(|error| after(settled.len(), fate, not_there(error, &id, topic)))?;
            settled.push(id);
        }
        Ok(settled)
    }

    async fn settle_one(&self, stream: &str, id: &DeadLetterId, fate: Fate) -> Result<(), StreamsError> {
        match fate {
            Fate::Replayed => self.streams.topics.replay(stream, &id.consumer, id.sequence).await.map(drop),
            Fate::Removed => self.streams.topics.remove_dead(stream, &id.consumer, id.sequence).await,
        }
    }

    async fn all_dead(&self, topic: &TopicName, query: &DeadQuery) -> Answer<Vec<DeadLetterId>> {
        let (mut letters, mut ids) = (self.dead(topic, query).await?, Vec::new());
        while let Some(letter) = letters.next().await.map_err(refused)? {
            ids.push(letter.id);
        }
        Ok(ids)
    }
}

fn not_there(error: StreamsError, id: &DeadLetterId, topic: &TopicName) -> Box<Problem> {
    match error {
        StreamsError::Absent(_) => unknown_dead_letter(&id.to_string(), topic.as_str()),
        error => refused(error),
    }
}

/// Says how many were done before.
fn after(done: usize, fate: Fate, mut problem: Box<Problem>) -> Box<Problem> {
    if done > 0 {
        let what = match fate {
            Fate::Replayed => "replayed",
            Fate::Removed => "removed",
        };
        problem.detail.push_str(&format!("; {done} before it were {what}"));
    }
    problem
}

fn shown(consumer: &str, letter: streams::DeadLetter) -> DeadLetter {
    DeadLetter {
        id: DeadLetterId { consumer: consumer.to_owned(), sequence: letter.sequence },
        sequence: letter.message.sequence,
        deliveries: letter.deliveries,
        stored_at: letter.message.at,
        first_delivered_at: letter.first_delivered_at,
        delivered_at: letter.delivered_at,
        reason: letter.reason,
        headers: letter.message.headers,
        payload: Content::of(&letter.message.payload),
    }
}
