//! Reading messages, in their order.

use std::time::Duration;

use model::Timestamp;
use ports::{
    streams::{Headers, Message, Start, StreamState, StreamsError},
    tasks::TaskKind,
};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::{
    sync::mpsc,
    time::{MissedTickBehavior, interval},
};
use wire::nats::HeaderBlock;

use super::{Client, streams::check_stream};
use crate::jetstream::{StoredMessage, timestamp};

/// Messages that are read before somebody wants them.
const AHEAD: usize = 64;
/// How often somebody who follows a stream looks for new messages.
const LOOK_EVERY: Duration = Duration::from_millis(200);

#[derive(Deserialize)]
struct Got {
    message: StoredMessage,
}

impl Client {
    pub(super) async fn read_messages(
        &self,
        stream: &str,
        start: Start,
        max: usize,
    ) -> Result<Vec<Message>, StreamsError> {
        let mut from = self.begin(stream, start).await?;
        let mut found = Vec::new();
        while found.len() < max
            && let Some(message) = self.next(stream, from).await?
        {
            from = message.sequence + 1;
            found.push(message);
        }
        Ok(found)
    }

    pub(super) async fn follow(
        &self,
        stream: &str,
        start: Start,
    ) -> Result<mpsc::Receiver<Result<Message, StreamsError>>, StreamsError> {
        let from = self.begin(stream, start).await?;
        let (sender, receiver) = mpsc::channel(AHEAD);
        let (this, stream) = (self.clone(), stream.to_owned());
        self.tasks.spawn(TaskKind::Work("tail"), async move { this.feed(&stream, from, &sender).await });
        Ok(receiver)
    }

    async fn feed(&self, stream: &str, mut from: u64, to: &mpsc::Sender<Result<Message, StreamsError>>) {
        let mut looks = interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let found = self.next(stream, from).await;
            let Some(found) = found.transpose() else {
                tokio::select! {
                    _ = looks.tick() => continue,
                    () = to.closed() => return,
                }
            };
            from = found.as_ref().map_or(from, |message| message.sequence + 1);
            let is_end = found.is_err();
            if to.send(found).await.is_err() || is_end {
                return;
            }
        }
    }

    /// The first message at this sequence or after it.
    pub(super) async fn next(&self, stream: &str, from: u64) -> Result<Option<Message>, StreamsError> {
        self.fetch(stream, &json!({"seq": from.max(1), "next_by_subj": ">"})).await
    }

    /// `None` if there is no such message.
    pub(super) async fn fetch(&self, stream: &str, which: &Value) -> Result<Option<Message>, StreamsError> {
        check_stream(stream)?;
        let endpoint = format!("STREAM.MSG.GET.{stream}");
        match self.api::<Got>(&endpoint, which, "read", "such message").await {
            Ok(got) => Ok(Some(message(got.message))),
            // Whether it is the message or the stream that there is not.
            Err(StreamsError::Absent(_)) => self.stream(stream).await.map(|_| None),
            Err(error) => Err(error),
        }
    }

    async fn begin(&self, stream: &str, start: Start) -> Result<u64, StreamsError> {
        let state = self.stream(stream).await?;
        match start {
            Start::Sequence(sequence) => Ok(sequence),
            Start::Time(at) => self.since(stream, &state, at).await,
            Start::New => Ok(state.last_sequence + 1),
        }
    }

    /// The first sequence of a time on. Times ascend with sequences, so that a few messages are enough to find it.
    async fn since(&self, stream: &str, state: &StreamState, at: Timestamp) -> Result<u64, StreamsError> {
        let (mut from, mut to) = (state.first_sequence, state.last_sequence + 1);
        while from < to {
            let middle = from + (to - from) / 2;
            match self.next(stream, middle).await? {
                Some(message) if message.at < at => from = message.sequence + 1,
                _ => to = middle,
            }
        }
        Ok(from)
    }
}

fn message(stored: StoredMessage) -> Message {
    let block = HeaderBlock::parse(&stored.hdrs).ok();
    let fields = block.iter().flat_map(HeaderBlock::fields).map(|(name, value)| (name.to_owned(), value.to_owned()));
    let headers: Headers = fields.collect();
    let at = stored.time.0.map(timestamp).unwrap_or_default();
    Message { sequence: stored.seq, subject: stored.subject, headers, payload: stored.data, at }
}

/// The first value of a header, in any case.
pub(super) fn header<'a>(message: &'a Message, name: &str) -> Option<&'a str> {
    message.headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}
