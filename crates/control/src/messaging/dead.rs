//! Dead letters.

use model::{
    Problem, TopicName,
    api::{Content, DeadLetter, DeadLetterId, DeadQuery},
};
use ports::streams;

use super::{
    Messaging,
    problem::{refused, unknown, unknown_dead_letter},
};
use crate::supervisor::Answer;

/// The most dead letters of an answer.
const LETTERS_MAX: usize = 1000;
/// Dead letters that are looked at at once where all are to be replayed.
const PAGE: usize = 100;

impl Messaging {
    /// The dead letters of a topic.
    pub(crate) async fn dead(&self, topic: &TopicName, query: &DeadQuery) -> Answer<Vec<DeadLetter>> {
        let most = query.limit.map_or(LETTERS_MAX, |limit| LETTERS_MAX.min(limit as usize));
        let mut consumers: Vec<_> = self.dead_of(topic).await?.into_iter().map(|(consumer, _)| consumer).collect();
        if let Some(one) = &query.consumer {
            self.expect_consumer(topic, one, &consumers).await?;
            consumers.retain(|consumer| consumer == one);
        }
        let (stream, mut letters) = (topic.stream(), Vec::new());
        for consumer in consumers {
            let found = self.streams.topics.dead(&stream, &consumer, 0, most - letters.len()).await.map_err(refused)?;
            letters.extend(found.into_iter().map(|letter| shown(&consumer, letter)));
        }
        Ok(letters)
    }

    /// Fails if there is no such consumer, and none that left dead letters.
    async fn expect_consumer(&self, topic: &TopicName, name: &str, with_dead: &[String]) -> Answer<()> {
        let consumers = self.streams.topics.consumers(&topic.stream()).await.map_err(refused)?;
        let names: Vec<&str> = consumers.iter().map(|state| &state.name).chain(with_dead).map(String::as_str).collect();
        if names.contains(&name) { Ok(()) } else { Err(unknown("consumer", name, names.into_iter())) }
    }

    /// Publishes dead letters again: these, or all that there are at this moment.
    pub(crate) async fn replay_dead(
        &self,
        topic: &TopicName,
        ids: Option<Vec<DeadLetterId>>,
    ) -> Answer<Vec<DeadLetterId>> {
        let ids = match ids {
            Some(ids) => ids,
            None => self.all_dead(topic).await?,
        };
        let mut replayed = Vec::new();
        for id in ids {
            let done = self.streams.topics.replay(&topic.stream(), &id.consumer, id.sequence).await;
            done.map_err(|error| after(replayed.len(), not_replayed(error, &id, topic)))?;
            replayed.push(id);
        }
        Ok(replayed)
    }

    async fn all_dead(&self, topic: &TopicName) -> Answer<Vec<DeadLetterId>> {
        let (stream, mut ids) = (topic.stream(), Vec::new());
        for (consumer, state) in self.dead_of(topic).await? {
            let mut from = Some(0);
            while let Some(place) = from {
                let page = self.streams.topics.dead(&stream, &consumer, place, PAGE).await.map_err(refused)?;
                from = page.last().map(|letter| letter.sequence + 1).filter(|next| *next <= state.last_sequence);
                let id = |sequence| DeadLetterId { consumer: consumer.clone(), sequence };
                ids.extend(page.into_iter().map(|letter| id(letter.sequence)));
            }
        }
        Ok(ids)
    }
}

fn not_replayed(error: streams::StreamsError, id: &DeadLetterId, topic: &TopicName) -> Box<Problem> {
    match error {
        streams::StreamsError::Absent(_) => unknown_dead_letter(&id.to_string(), topic.as_str()),
        error => refused(error),
    }
}

/// Says how many were done before.
fn after(done: usize, mut problem: Box<Problem>) -> Box<Problem> {
    if done > 0 {
        problem.detail.push_str(&format!("; {done} before it were replayed"));
    }
    problem
}

fn shown(consumer: &str, letter: streams::DeadLetter) -> DeadLetter {
    DeadLetter {
        id: DeadLetterId { consumer: consumer.to_owned(), sequence: letter.sequence },
        sequence: letter.message.sequence,
        deliveries: letter.deliveries,
        stored_at: letter.message.at,
        delivered_at: letter.delivered_at,
        reason: letter.reason,
        headers: letter.message.headers,
        payload: Content::of(&letter.message.payload),
    }
}
