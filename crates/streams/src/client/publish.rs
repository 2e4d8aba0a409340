//! Publishing.

use logic::subject::is_subject;
use ports::streams::{Ack, Headers, Publish, StreamsError};

use super::{
    Client, answer, block,
    streams::{SCHEDULE, TTL},
};
use crate::{
    engine::{Atomic, NewMessage, Wish, Written},
    jetstream::PubAck,
};

impl Client {
    pub(super) async fn publish_message(&self, message: Publish) -> Result<Ack, StreamsError> {
        let what = format!("message to `{}`", message.subject);
        self.publish_about(message, &what).await
    }

    /// A conflict is one of `what`.
    pub(super) async fn publish_about(&self, message: Publish, what: &str) -> Result<Ack, StreamsError> {
        self.check_message(&message)?;
        let headers = headers(&message);
        let answer = self.link.request(&message.subject, &headers, message.payload).await?;
        let nobody = || StreamsError::Absent(format!("stream that takes `{}`", message.subject));
        let ack: PubAck = answer::read(&answer.ok_or_else(nobody)?, "publish", what)?;
        Ok(acknowledged(ack))
    }

    /// Publishes all of them or none.
    pub(super) async fn publish_messages(&self, messages: Vec<Publish>) -> Result<Vec<Ack>, StreamsError> {
        messages.iter().try_for_each(|message| self.check_message(message))?;
        let is_of_other = |message: &Publish| message.headers.iter().any(|(name, _)| has_prefix(name, "Nats-Batch-"));
        if messages.iter().any(is_of_other) {
            return Err(StreamsError::Invalid("a message of a batch belongs to no other: `Nats-Batch-…`".into()));
        }
        self.write_all(messages, Vec::new()).await
    }

    /// Publishes all of these messages, and deletes those, which must be there; or does nothing.
    pub(super) async fn write_all(
        &self,
        messages: Vec<Publish>,
        deletes: Vec<(String, u64)>,
    ) -> Result<Vec<Ack>, StreamsError> {
        let new = |message: Publish| {
            let headers = block(&headers(&message));
            NewMessage { subject: message.subject, headers, payload: message.payload }
        };
        let wish = Wish::Write(Atomic { messages: messages.into_iter().map(new).collect(), deletes });
        let unsupported = StreamsError::Unsupported("batches across streams");
        let answer = self.link.ask_inside(wish).await?.ok_or(unsupported)?;
        let written: Written = answer::granted(&answer, "write")?;
        Ok(written.acks.into_iter().map(acknowledged).collect())
    }

    /// An older server would store what it does not understand, and not do it.
    fn check_message(&self, message: &Publish) -> Result<(), StreamsError> {
        if !is_subject(message.subject.as_bytes()) {
            return Err(StreamsError::Invalid(format!("`{}` is not a subject", message.subject)));
        }
        let is_field =
            |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':');
        let is_line = |text: &str| !text.contains(['\r', '\n']);
        if let Some((name, _)) = message.headers.iter().find(|(name, value)| !is_field(name) || !is_line(value)) {
            return Err(StreamsError::Invalid(format!("`{name}` cannot be a header: name and value are one line")));
        }
        if !message.id.as_deref().is_none_or(is_line) {
            return Err(StreamsError::Invalid("the id of a message is one line".into()));
        }
        if message.ttl.is_some_and(|ttl| ttl.as_secs() == 0) {
            return Err(StreamsError::Invalid("a message lives for a second at least".into()));
        }
        let can = self.link.capabilities();
        let asks = |start: &str| message.headers.iter().any(|(name, _)| has_prefix(name, start));
        if !can.ttl && (message.ttl.is_some() || asks("Nats-TTL")) {
            return Err(StreamsError::Unsupported(TTL));
        }
        if !can.schedule && asks("Nats-Schedule") {
            return Err(StreamsError::Unsupported(SCHEDULE));
        }
        Ok(())
    }
}

fn acknowledged(ack: PubAck) -> Ack {
    Ack { stream: ack.stream, sequence: ack.seq, duplicate: ack.duplicate }
}

pub(super) fn has_prefix(name: &str, prefix: &str) -> bool {
    name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

fn headers(message: &Publish) -> Headers {
    let wishes = [
        ("Nats-Msg-Id", message.id.clone()),
        ("Nats-Expected-Last-Sequence", message.expect_last.map(|seq| seq.to_string())),
        ("Nats-TTL", message.ttl.map(|ttl| format!("{}s", ttl.as_secs()))),
    ];
    let wishes = wishes.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    message.headers.iter().cloned().chain(wishes).collect()
}
