//! Names of topics and buckets.

use serde::{Deserialize, Serialize};

use crate::id::name;

/// The longest name, in bytes: that of the stream behind it is longer by a prefix.
const NAME_BYTES_MAX: usize = 200;
/// Names of streams that begin so are those of buckets and object stores.
const RESERVED_STREAMS: [&str; 2] = ["KV_", "OBJ_"];

/// Why a text is not the name of a topic.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTopic {
    /// It is made of other characters, or too long.
    #[error("a topic is words of a-z, A-Z, 0-9, `-` and `_` with dots between them, 200 bytes at the most")]
    Shape,
    /// It has a wildcard.
    #[error("`*` and `>` stand for topics, they are none")]
    Wildcard,
    /// Others use such names.
    #[error("names that begin with `_`, `KV` or `OBJ` are those of inboxes, buckets and object stores")]
    Reserved,
}

/// Why a text is not the name of a bucket or an object store.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a name is of a-z, A-Z, 0-9, `-` and `_`, 200 bytes at the most")]
pub struct InvalidBucket;

name! {
    /// The name of a topic, which is the subject of its messages: `orders.placed`.
    TopicName check_topic, InvalidTopic
}
name! {
    /// The name of a key-value bucket or an object store.
    BucketName check_bucket, InvalidBucket
}

impl TopicName {
    /// The stream that keeps its messages: `orders_placed`.
    pub fn stream(&self) -> String {
        self.as_str().replace('.', "_")
    }
}

fn check_topic(text: &str) -> Result<(), InvalidTopic> {
    if text.split('.').any(|token| token == "*" || token == ">") {
        return Err(InvalidTopic::Wildcard);
    }
    if text.len() > NAME_BYTES_MAX || !text.split('.').all(is_word) {
        return Err(InvalidTopic::Shape);
    }
    let stream = text.replace('.', "_");
    let is_reserved = stream.starts_with('_') || RESERVED_STREAMS.iter().any(|prefix| stream.starts_with(prefix));
    if is_reserved { Err(InvalidTopic::Reserved) } else { Ok(()) }
}

fn check_bucket(text: &str) -> Result<(), InvalidBucket> {
    if text.len() <= NAME_BYTES_MAX && is_word(text) { Ok(()) } else { Err(InvalidBucket) }
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics() {
        let long = "a".repeat(201);
        for (text, expected) in [
            ("orders.placed", Ok("orders_placed")),
            ("A-1.b_2", Ok("A-1_b_2")),
            ("orders", Ok("orders")),
            ("orders.*", Err(InvalidTopic::Wildcard)),
            (">", Err(InvalidTopic::Wildcard)),
            ("", Err(InvalidTopic::Shape)),
            ("orders.", Err(InvalidTopic::Shape)),
            ("a..b", Err(InvalidTopic::Shape)),
            ("a b", Err(InvalidTopic::Shape)),
            ("$JS.API", Err(InvalidTopic::Shape)),
            (&long, Err(InvalidTopic::Shape)),
            ("_INBOX.a", Err(InvalidTopic::Reserved)),
            ("KV.a", Err(InvalidTopic::Reserved)),
            ("OBJ_a", Err(InvalidTopic::Reserved)),
        ] {
            let stream = text.parse::<TopicName>().map(|topic| topic.stream());
            assert_eq!(stream, expected.map(str::to_owned), "{text}");
        }
    }

    #[test]
    fn buckets() {
        for (text, good) in [("sessions", true), ("A_b-1", true), ("", false), ("a.b", false), ("é", false)] {
            assert_eq!(text.parse::<BucketName>().is_ok(), good, "{text}");
        }
    }
}
