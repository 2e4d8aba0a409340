//! Topics, buckets and object stores, and the streams behind them.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    BucketName, ByteSize, TopicName,
    streams::{DURABILITY_KEY, Discard, Durability, MANIFEST_KEY, Redelivery, Retention, StreamConfig},
};

/// The longest that an id is remembered, where nothing else is said.
const DUPLICATE_WINDOW: Duration = Duration::from_secs(120);

/// What is kept of a topic's messages, and for how long.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Topic {
    /// When a message may go.
    pub retention: Retention,
    /// What its messages may take; any size if `None`.
    pub max_bytes: Option<ByteSize>,
    /// How old a message may become; any age if `None`.
    pub max_age: Option<Duration>,
    /// How many messages there may be; any number if `None`.
    pub max_msgs: Option<u32>,
    /// What gives way at a limit.
    pub discard: Discard,
    /// For how long the id of a message is remembered, so that it is kept once.
    pub duplicate_window: Duration,
    /// What an acknowledgement promises.
    #[serde(default)]
    pub durability: Durability,
    /// What holds for its consumers.
    pub redelivery: Redelivery,
}

impl Default for Topic {
    fn default() -> Self {
        Self {
            retention: Retention::Limits,
            max_bytes: Some(ByteSize(1 << 30)),
            max_age: Some(Duration::from_secs(7 * 86_400)),
            max_msgs: None,
            discard: Discard::Old,
            duplicate_window: DUPLICATE_WINDOW,
            durability: Durability::default(),
            redelivery: Redelivery::default(),
        }
    }
}

impl Topic {
    /// The stream of a topic: its messages and no others.
    pub fn stream(&self, name: &TopicName) -> StreamConfig {
        let durability = (self.durability != Durability::Always).then(|| self.durability.to_string());
        let mut metadata = self.redelivery.metadata();
        metadata.extend(durability.map(|text| (DURABILITY_KEY.to_owned(), text)));
        StreamConfig {
            name: name.stream(),
            subjects: vec![name.as_str().into()],
            retention: self.retention,
            max_bytes: self.max_bytes.map_or(-1, |size| i64::try_from(size.0).unwrap_or(i64::MAX)),
            max_age: self.max_age.unwrap_or_default(),
            max_msgs: self.max_msgs.map_or(-1, Into::into),
            discard: self.discard,
            duplicate_window: self.duplicate_window,
            allow_direct: true,
            metadata,
            ..StreamConfig::default()
        }
    }
}

/// The stream of a bucket, as clients make one with nothing but a name: the last value of each key.
pub fn bucket_stream(name: &BucketName) -> StreamConfig {
    StreamConfig {
        name: format!("KV_{name}"),
        subjects: vec![format!("$KV.{name}.>")],
        max_msgs_per_subject: 1,
        deny_delete: true,
        ..keeper_of_keys()
    }
}

/// The stream of an object store, as clients make one with nothing but a name.
pub fn objects_stream(name: &BucketName) -> StreamConfig {
    StreamConfig {
        name: format!("OBJ_{name}"),
        subjects: vec![format!("$O.{name}.C.>"), format!("$O.{name}.M.>")],
        ..keeper_of_keys()
    }
}

fn keeper_of_keys() -> StreamConfig {
    StreamConfig {
        discard: Discard::New,
        duplicate_window: DUPLICATE_WINDOW,
        allow_rollup_hdrs: true,
        allow_direct: true,
        allow_msg_ttl: true,
        metadata: [(MANIFEST_KEY.to_owned(), "true".to_owned())].into(),
        ..StreamConfig::default()
    }
}
