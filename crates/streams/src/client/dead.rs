//! Dead letters, which the engine keeps in a stream for each consumer (`engine/dead.rs`).

use model::Timestamp;
use ports::streams::{Ack, DeadLetter, Message, Publish, Start, StreamsError};
use serde_json::json;

use super::{
    Client, Link,
    answer::Done,
    consumers::consumer_of,
    publish::has_prefix,
    read::header,
    streams::{check_stream, stream_of},
};
use crate::engine::dead;

impl<L: Link> Client<L> {
    pub(super) async fn dead_letters(
        &self,
        stream: &str,
        consumer: &str,
        from: u64,
        max: usize,
    ) -> Result<Vec<DeadLetter>, StreamsError> {
        let name = self.dead_stream(stream, consumer)?;
        let found = self.read_messages(&name, Start::Sequence(from), max).await;
        let found = match found {
            // It is made with the consumer, if that asks for it.
            Err(StreamsError::Absent(_)) => self.stream(stream).await.map(|_| Vec::new())?,
            found => found?,
        };
        Ok(found.into_iter().map(|message| letter(stream, consumer, message)).collect())
    }

    pub(super) async fn replay_dead(&self, stream: &str, consumer: &str, sequence: u64) -> Result<Ack, StreamsError> {
        let name = self.dead_stream(stream, consumer)?;
        let what = || StreamsError::Absent(format!("dead letter {sequence} of {}", stream_of(&name)));
        let found = self.fetch(&name, &json!({"seq": sequence})).await?.ok_or_else(what)?;
        let message = letter(stream, consumer, found).message;
        // What is published again is another message than the one that may still be remembered by its id. The same one may be dead
        // twice, when its consumer went back; each time it has another place among the dead letters.
        let id = Some(format!("isles-dead-{stream}-{consumer}-{sequence}"));
        let headers =
            message.headers.into_iter().filter(|(name, _)| !name.eq_ignore_ascii_case("Nats-Msg-Id")).collect();
        let Message { subject, payload, .. } = message;
        let again = Publish { subject, headers, payload, id, ..Publish::default() };
        let ack = self.publish_message(again).await?;
        self.delete_message(&name, sequence).await?;
        Ok(ack)
    }

    pub(super) async fn delete_message(&self, stream: &str, sequence: u64) -> Result<(), StreamsError> {
        check_stream(stream)?;
        let what = format!("message {sequence} of {}", stream_of(stream));
        let endpoint = format!("STREAM.MSG.DELETE.{stream}");
        self.api::<Done>(&endpoint, &json!({"seq": sequence, "no_erase": true}), "delete", &what).await.map(drop)
    }

    fn dead_stream(&self, stream: &str, consumer: &str) -> Result<String, StreamsError> {
        consumer_of(stream, consumer)?;
        let can = self.link.capabilities().redelivery;
        if can { Ok(dead::name(stream, consumer)) } else { Err(StreamsError::Unsupported("dead letters")) }
    }
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
        delivered_at: time("Isles-Dead-Delivered-At"),
        reason: header(&found, "Isles-Dead-Reason").unwrap_or_default().to_owned(),
    }
}
