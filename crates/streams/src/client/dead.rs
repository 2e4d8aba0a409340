//! Dead letters, which the engine keeps in a stream for each consumer (`engine/dead.rs`).

use model::Timestamp;
use ports::streams::{Ack, DeadLetter, Message, Publish, Start, StreamsError};
use serde_json::json;

use super::{
    Client,
    answer::Done,
    consumers::consumer_of,
    publish::has_prefix,
    read::header,
    streams::{check_stream, stream_of},
};
use crate::{
    engine::dead,
    jetstream::{StreamInfo, Streams},
};

impl Client {
    pub(super) async fn dead_letters(
        &self,
        stream: &str,
        consumer: &str,
        from: u64,
        max: usize,
    ) -> Result<Vec<DeadLetter>, StreamsError> {
        let found = match self.dead_stream(stream, consumer).await? {
            Some(name) => self.read_messages(&name, Start::Sequence(from), max).await?,
            // It is made with the consumer, if that asks for it.
            None => self.stream(stream).await.map(|_| Vec::new())?,
        };
        Ok(found.into_iter().map(|message| letter(stream, consumer, message)).collect())
    }

    pub(super) async fn replay_dead(&self, stream: &str, consumer: &str, sequence: u64) -> Result<Ack, StreamsError> {
        let absent = || StreamsError::Absent(dead_letter(stream, consumer, sequence));
        let name = self.dead_stream(stream, consumer).await?.ok_or_else(absent)?;
        let found = self.fetch(&name, &json!({"seq": sequence})).await?.ok_or_else(absent)?;
        let Message { subject, headers, payload, .. } = letter(stream, consumer, found).message;
        // What is published again is another message than the one that may still be remembered by its id.
        let headers = headers.into_iter().filter(|(name, _)| !name.eq_ignore_ascii_case("Nats-Msg-Id")).collect();
        let again = Publish { subject, headers, payload, ..Publish::default() };
        let acks = self.write_all(vec![again], vec![(name, sequence)]).await?;
        acks.into_iter().next().ok_or_else(|| StreamsError::Unreachable("the server does not say where it is".into()))
    }

    pub(super) async fn remove_dead_letter(
        &self,
        stream: &str,
        consumer: &str,
        sequence: u64,
    ) -> Result<(), StreamsError> {
        let absent = || StreamsError::Absent(dead_letter(stream, consumer, sequence));
        let name = self.dead_stream(stream, consumer).await?.ok_or_else(absent)?;
        self.delete_message(&name, sequence).await
    }

    pub(super) async fn delete_message(&self, stream: &str, sequence: u64) -> Result<(), StreamsError> {
        check_stream(stream)?;
        let what = format!("message {sequence} of {}", stream_of(stream));
        let endpoint = format!("STREAM.MSG.DELETE.{stream}");
        self.api::<Done>(&endpoint, &json!({"seq": sequence, "no_erase": true}), "delete", &what).await.map(drop)
    }

    /// The stream of a consumer's dead letters, which is known by its subjects.
    async fn dead_stream(&self, stream: &str, consumer: &str) -> Result<Option<String>, StreamsError> {
        consumer_of(stream, consumer)?;
        if !self.link.capabilities().redelivery {
            return Err(StreamsError::Unsupported("dead letters"));
        }
        let subjects = dead::subjects(stream, consumer);
        let body = json!({"subject": subjects[0]});
        let found: Streams<StreamInfo> = self.api("STREAM.LIST", &body, "list", "streams").await?;
        Ok(found
            .streams
            .into_iter()
            .map(|info| info.config)
            .find(|config| config.subjects == subjects)
            .map(|config| config.name))
    }
}

fn dead_letter(stream: &str, consumer: &str, sequence: u64) -> String {
    format!("dead letter {sequence} of consumer `{consumer}` of {}", stream_of(stream))
}

/// A message as it was, and what became of it.
fn letter(stream: &str, consumer: &str, found: Message) -> DeadLetter {
    let number = |name: &str| header(&found, name).and_then(|text| text.parse().ok()).unwrap_or_default();
    let time = |name: &str| header(&found, name).and_then(Timestamp::from_rfc3339);
    let prefix = dead::prefix(stream, consumer);
    let message = Message {
        sequence: number("Isles-Dead-Sequence"),
        subject: found.subject.strip_prefix(&prefix).unwrap_or(&found.subject).to_owned(),
        headers: found.headers.iter().filter(|(name, _)| !has_prefix(name, "Isles-Dead-")).cloned().collect(),
        payload: found.payload.clone(),
        at: time("Isles-Dead-Stored-At").unwrap_or(found.at),
    };
    DeadLetter {
        sequence: found.sequence,
        message,
        deliveries: number("Isles-Dead-Deliveries"),
        first_delivered_at: time("Isles-Dead-First-Delivered-At"),
        delivered_at: time("Isles-Dead-Delivered-At"),
        reason: header(&found, "Isles-Dead-Reason").unwrap_or_default().to_owned(),
    }
}
