//! Publishing.

use logic::subject::is_subject;
use ports::streams::{Ack, Headers, Publish, StreamsError};

use super::{
    Client, Link, answer,
    streams::{SCHEDULE, TTL},
};
use crate::jetstream::PubAck;

impl<L: Link> Client<L> {
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
        Ok(Ack { stream: ack.stream, sequence: ack.seq, duplicate: ack.duplicate })
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
