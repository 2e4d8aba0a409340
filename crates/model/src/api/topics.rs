//! Topics: their state, their messages and their dead letters.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{Content, Start};
use crate::{ServiceName, Timestamp, TopicName, streams::Retention};

/// The state of a topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TopicStatus {
    /// Its name, which is the subject of its messages.
    pub name: TopicName,
    /// The stream that keeps them.
    pub stream: String,
    /// The services that may publish to it.
    pub publishers: Vec<ServiceName>,
    /// The services that may consume it.
    pub subscribers: Vec<ServiceName>,
    /// The messages that are kept.
    pub messages: u64,
    /// Their bytes, headers and subjects included.
    pub bytes: u64,
    /// The sequence of the oldest; one more than the last where none is kept.
    pub first_sequence: u64,
    /// The sequence of the last that was published, kept or not; 0 if none ever was.
    pub last_sequence: u64,
    /// When the oldest was stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_at: Option<Timestamp>,
    /// When the last one was stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_at: Option<Timestamp>,
    /// When a message may go.
    pub retention: Retention,
    /// How many messages are kept at the most; absent for any number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub messages_max: Option<u64>,
    /// How many bytes are kept at the most; absent for any number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes_max: Option<u64>,
    /// How old a message may become; absent for any age.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub age_max_ms: Option<u64>,
    /// What an acknowledgement promises: `always`, `none`, or `interval:` and a time, `interval:10ms`; absent where a NATS server
    /// that somebody else runs decides it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub durability: Option<String>,
    /// Its dead letters, those of consumers that are gone included.
    pub dead: u64,
    /// Its consumers, in the order of their names.
    pub consumers: Vec<ConsumerStatus>,
}

/// The state of a consumer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ConsumerStatus {
    /// Its name.
    pub name: String,
    /// The service that it belongs to by its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<ServiceName>,
    /// Whether it lasts when nobody uses it.
    pub durable: bool,
    /// The sequence up to which messages were delivered.
    pub delivered_sequence: u64,
    /// The messages that wait for their first delivery.
    pub pending: u64,
    /// Those that were delivered and are not acknowledged.
    pub unacknowledged: u64,
    /// Those of them that were delivered more than once.
    pub redelivered: u64,
    /// Whether nothing is delivered for now because it was asked to pause.
    pub paused: bool,
    /// Its dead letters.
    pub dead: u64,
}

/// Which messages are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct MessageQuery {
    /// From which on; from the first if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Start>,
    /// Whether to go on with new ones as they are published.
    #[serde(default)]
    pub follow: bool,
}

/// A message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Message {
    /// Its sequence.
    pub sequence: u64,
    /// When it was stored.
    pub at: Timestamp,
    /// Its header fields: name and value.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(String, String)>,
    /// What it says.
    pub payload: Content,
}

/// A message to publish.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Publish {
    /// What it says.
    pub payload: Content,
    /// Its header fields: name and value.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(String, String)>,
    /// Its id: a message with the id of another within the topic's duplicate window is not kept again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

/// A message is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Published {
    /// Its sequence, or that of the earlier message with the same id.
    pub sequence: u64,
    /// Whether there was an earlier message with the same id.
    #[serde(default)]
    pub duplicate: bool,
}

/// A message was taken away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RemovedMessage {
    /// Its sequence.
    pub sequence: u64,
}

/// A consumer was taken away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RemovedConsumer {
    /// Its name.
    pub name: String,
    /// The service that it belongs to by its name, if that subscribes to the topic still: its program makes a new one when it runs
    /// again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made_again_by: Option<ServiceName>,
}

/// Where a consumer shall go on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Replay {
    /// The message that it gets next; with `new`, what it has not acknowledged so far is done with.
    pub from: Start,
}

/// A consumer gets messages again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Replayed {
    /// The sequence of the first one.
    pub sequence: u64,
    /// How many wait for it from there on.
    pub messages: u64,
    /// The first before it that the consumer has not acknowledged, if there is one: it comes again all the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unacknowledged: Option<u64>,
}

/// Which dead letters are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct DeadQuery {
    /// Only those of this consumer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consumer: Option<String>,
    /// At most so many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// A message that a consumer gave up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DeadLetter {
    /// Its id.
    pub id: DeadLetterId,
    /// The sequence that it had in its topic.
    pub sequence: u64,
    /// How often it was delivered.
    pub deliveries: u64,
    /// When it was stored in its topic.
    pub stored_at: Timestamp,
    /// When it was delivered first, where that was noted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_delivered_at: Option<Timestamp>,
    /// When it was delivered last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivered_at: Option<Timestamp>,
    /// Why it is dead: `max-deliveries`, `terminated`, or `terminated: ` and what its client said.
    pub reason: String,
    /// The header fields that it had: name and value.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(String, String)>,
    /// What it says.
    pub payload: Content,
}

/// The id of a dead letter, such as `mailer/3`: its consumer, and its sequence among the dead letters of that.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(try_from = "String", into = "String")]
pub struct DeadLetterId {
    /// The consumer.
    pub consumer: String,
    /// The sequence.
    pub sequence: u64,
}

/// A text is not the id of a dead letter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not the id of a dead letter: `isles topic dead ls` shows them, such as mailer/3")]
pub struct ParseDeadLetterIdError(String);

impl FromStr for DeadLetterId {
    type Err = ParseDeadLetterIdError;

    fn from_str(text: &str) -> Result<Self, ParseDeadLetterIdError> {
        let parts = text.rsplit_once('/').filter(|(consumer, _)| crate::streams::is_name(consumer));
        let id = parts.and_then(|(consumer, sequence)| Some((consumer.to_owned(), sequence.parse().ok()?)));
        let (consumer, sequence) = id.ok_or_else(|| ParseDeadLetterIdError(text.into()))?;
        Ok(Self { consumer, sequence })
    }
}

impl fmt::Display for DeadLetterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.consumer, self.sequence)
    }
}

impl TryFrom<String> for DeadLetterId {
    type Error = ParseDeadLetterIdError;

    fn try_from(text: String) -> Result<Self, ParseDeadLetterIdError> {
        text.parse()
    }
}

impl From<DeadLetterId> for String {
    fn from(id: DeadLetterId) -> Self {
        id.to_string()
    }
}

/// Which dead letters are meant.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct WhichDead {
    /// These; all of them if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ids: Option<Vec<DeadLetterId>>,
    /// Only those of this consumer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consumer: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_dead_letters() {
        for (text, expected) in [
            ("mailer/3", Some(("mailer", 3))),
            ("a-b/18446744073709551615", Some(("a-b", u64::MAX))),
            ("mailer", None),
            ("/3", None),
            ("mailer/", None),
            ("mailer/-3", None),
            ("a/b/3", None),
        ] {
            let id = text.parse::<DeadLetterId>().ok();
            assert_eq!(id.as_ref().map(|id| (id.consumer.as_str(), id.sequence)), expected, "{text}");
            assert!(id.is_none_or(|id| id.to_string() == text));
        }
    }
}
