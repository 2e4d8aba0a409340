//! Reading messages.

use std::{collections::VecDeque, sync::Arc};

use model::{
    Timestamp, TopicName,
    api::{Content, Message, Start},
};
use ports::streams::{self, StreamState, StreamsError, Topics};
use tokio::sync::mpsc;

use super::{Messaging, problem::refused};
use crate::supervisor::Answer;

/// Messages that are read at once.
const PAGE: usize = 256;

/// The messages of a stream from a place on, page by page, up to the one that was the last when it was asked for.
pub(crate) struct Kept {
    topics: Arc<dyn Topics>,
    stream: String,
    start: Option<streams::Start>,
    last: u64,
    page: VecDeque<streams::Message>,
}

impl Kept {
    /// The next one.
    pub(crate) async fn next(&mut self) -> Result<Option<streams::Message>, StreamsError> {
        if self.page.is_empty()
            && let Some(start) = self.start.take()
        {
            let page = self.topics.read(&self.stream, start, PAGE).await?;
            let next = page.last().map(|message| message.sequence + 1).filter(|next| *next <= self.last);
            self.start = next.map(streams::Start::Sequence);
            self.page = page.into_iter().filter(|message| message.sequence <= self.last).collect();
        }
        Ok(self.page.pop_front())
    }
}

impl Messaging {
    /// Messages that are kept.
    pub(crate) async fn kept(&self, topic: &TopicName, start: Start) -> Answer<Kept> {
        let state = self.streams.topics.info(&topic.stream()).await.map_err(refused)?;
        Ok(self.kept_in(&state, place(start, &state, self.clock.now())))
    }

    pub(super) fn kept_in(&self, state: &StreamState, start: streams::Start) -> Kept {
        Kept {
            topics: self.streams.topics.clone(),
            stream: state.config.name.clone(),
            start: Some(start),
            last: state.last_sequence,
            page: VecDeque::new(),
        }
    }

    /// Messages that are kept, and those that come.
    pub(crate) async fn tail(
        &self,
        topic: &TopicName,
        start: Start,
    ) -> Answer<mpsc::Receiver<Result<streams::Message, StreamsError>>> {
        let stream = topic.stream();
        let state = self.streams.topics.info(&stream).await.map_err(refused)?;
        let start = place(start, &state, self.clock.now());
        self.streams.topics.tail(&stream, start).await.map_err(refused)
    }
}

/// Where to begin in a stream.
pub(super) fn place(start: Start, state: &StreamState, now: Timestamp) -> streams::Start {
    let last = (state.messages > 0).then_some(state.last_sequence);
    match start {
        Start::First => streams::Start::Sequence(0),
        Start::Last => last.map_or(streams::Start::New, streams::Start::Sequence),
        Start::New => streams::Start::New,
        Start::Sequence(sequence) => streams::Start::Sequence(sequence),
        Start::Time(at) => streams::Start::Time(at),
        Start::Ago(age) => streams::Start::Time(now - age),
    }
}

/// A message as the API writes it.
pub(crate) fn shown(message: &streams::Message) -> Message {
    Message {
        sequence: message.sequence,
        at: message.at,
        headers: message.headers.clone(),
        payload: Content::of(&message.payload),
    }
}
