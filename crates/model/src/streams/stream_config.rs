//! What a stream is.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use super::json::nanos;

macro_rules! choice {
    ($(#[$doc:meta])* $name:ident { $($(#[$each:meta])* $variant:ident),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$each])* $variant),* }
    };
}
pub(super) use choice;

choice! {
    /// When a message may go.
    Retention {
        /// When a limit is met.
        #[default]
        Limits,
        /// When every consumer that wants it has acknowledged it.
        Interest,
        /// When one consumer has acknowledged it.
        #[serde(rename = "workqueue")]
        WorkQueue,
    }
}

choice! {
    /// What gives way at a limit.
    Discard {
        /// The oldest messages.
        #[default]
        Old,
        /// The new one: it is refused.
        New,
    }
}

choice! {
    /// Where messages are kept.
    Storage {
        /// On disk.
        #[default]
        File,
        /// In memory: gone after a restart.
        Memory,
    }
}

choice! {
    /// How stored messages are compressed.
    Compression {
        /// Not at all.
        #[default]
        None,
        /// With S2.
        S2,
    }
}

choice! {
    /// What an acknowledgement promises.
    Persist {
        /// That the message is on disk.
        #[default]
        Default,
        /// That it is written, and will be on disk soon.
        Async,
    }
}

/// The configuration of a stream. Limits of 0 and less are none (see [`super::limit`]).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct StreamConfig {
    /// Its name.
    pub name: String,
    /// What people should know of it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// The subjects that it takes, wildcards allowed; the stream's name if none is given.
    pub subjects: Vec<String>,
    /// When a message may go.
    pub retention: Retention,
    /// Consumers.
    pub max_consumers: i64,
    /// Messages.
    pub max_msgs: i64,
    /// Bytes of subjects, headers and payloads.
    pub max_bytes: i64,
    /// How old a message may become; zero for any age.
    #[serde(with = "nanos")]
    pub max_age: Duration,
    /// Messages of one subject.
    pub max_msgs_per_subject: i64,
    /// Bytes of a message's headers and payload.
    pub max_msg_size: i32,
    /// What gives way at a limit.
    pub discard: Discard,
    /// Where messages are kept.
    pub storage: Storage,
    /// Copies; only 1 is supported.
    pub num_replicas: i32,
    /// Publishes are not answered.
    #[serde(skip_serializing_if = "is_false")]
    pub no_ack: bool,
    /// For how long an id is remembered; zero for the default.
    #[serde(with = "nanos")]
    pub duplicate_window: Duration,
    /// Where in a cluster: not supported.
    #[serde(skip_serializing_if = "is_zero")]
    pub placement: Placement,
    /// A copy of another stream: not supported.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mirror: Option<Unsupported>,
    /// Streams that flow into this one: not supported.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<Unsupported>,
    /// How stored messages are compressed.
    pub compression: Compression,
    /// The first sequence; 0 and 1 are the same.
    #[serde(skip_serializing_if = "is_zero")]
    pub first_seq: u64,
    /// How subjects change on their way in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject_transform: Option<SubjectTransform>,
    /// Where stored messages are published again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub republish: Option<Republish>,
    /// Messages may be read without the API.
    pub allow_direct: bool,
    /// The same for mirrors.
    pub mirror_direct: bool,
    /// With [`Discard::New`]: a subject at its own limit refuses too.
    #[serde(skip_serializing_if = "is_false")]
    pub discard_new_per_subject: bool,
    /// Nothing changes any more.
    pub sealed: bool,
    /// Messages cannot be deleted.
    pub deny_delete: bool,
    /// The stream cannot be purged.
    pub deny_purge: bool,
    /// `Nats-Rollup` is allowed.
    pub allow_rollup_hdrs: bool,
    /// Bounds and defaults of its consumers.
    pub consumer_limits: ConsumerLimits,
    /// `Nats-TTL` is allowed.
    #[serde(skip_serializing_if = "is_false")]
    pub allow_msg_ttl: bool,
    /// How long a marker tells that the last message of a subject has expired; zero for no markers.
    #[serde(with = "nanos", skip_serializing_if = "Duration::is_zero")]
    pub subject_delete_marker_ttl: Duration,
    /// Messages are counters: not supported.
    #[serde(skip_serializing_if = "is_false")]
    pub allow_msg_counter: bool,
    /// Atomic batches are allowed.
    #[serde(skip_serializing_if = "is_false")]
    pub allow_atomic: bool,
    /// Fast batches: not supported.
    #[serde(skip_serializing_if = "is_false")]
    pub allow_batched: bool,
    /// `Nats-Schedule` is allowed.
    #[serde(skip_serializing_if = "is_false")]
    pub allow_msg_schedules: bool,
    /// What an acknowledgement promises.
    pub persist_mode: Persist,
    /// Keys and values of the user's own.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
}

/// Where in a cluster a stream is. One that says nothing is none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Placement {
    /// The cluster.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub cluster: String,
    /// What its servers are tagged with.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// The server that leads.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub preferred: String,
}

/// How subjects change.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SubjectTransform {
    /// Which subjects; empty for all.
    pub src: String,
    /// What they become.
    pub dest: String,
}

/// Where stored messages are published again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Republish {
    /// Which subjects; empty for all.
    pub src: String,
    /// What they become.
    pub dest: String,
    /// Without payloads.
    #[serde(skip_serializing_if = "is_false")]
    pub headers_only: bool,
}

/// Bounds and defaults of a stream's consumers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConsumerLimits {
    /// Zero for none.
    #[serde(with = "nanos", skip_serializing_if = "Duration::is_zero")]
    pub inactive_threshold: Duration,
    /// 0 for none.
    #[serde(skip_serializing_if = "is_zero")]
    pub max_ack_pending: i64,
}

/// Something that is only known to have been asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unsupported;

impl Serialize for Unsupported {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(std::iter::empty::<(&str, &str)>())
    }
}

impl<'de> Deserialize<'de> for Unsupported {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Not `IgnoredAny`: whoever looks for keys that nobody knows would take this for one.
        serde_json::Value::deserialize(deserializer).map(|_| Self)
    }
}

impl Default for StreamConfig {
    fn default() -> Self {
        Self {
            name: String::new(),
            description: String::new(),
            subjects: Vec::new(),
            retention: Retention::Limits,
            max_consumers: -1,
            max_msgs: -1,
            max_bytes: -1,
            max_age: Duration::ZERO,
            max_msgs_per_subject: -1,
            max_msg_size: -1,
            discard: Discard::Old,
            storage: Storage::File,
            num_replicas: 1,
            no_ack: false,
            duplicate_window: Duration::ZERO,
            placement: Placement::default(),
            mirror: None,
            sources: Vec::new(),
            compression: Compression::None,
            first_seq: 0,
            subject_transform: None,
            republish: None,
            allow_direct: false,
            mirror_direct: false,
            discard_new_per_subject: false,
            sealed: false,
            deny_delete: false,
            deny_purge: false,
            allow_rollup_hdrs: false,
            consumer_limits: ConsumerLimits::default(),
            allow_msg_ttl: false,
            subject_delete_marker_ttl: Duration::ZERO,
            allow_msg_counter: false,
            allow_atomic: false,
            allow_batched: false,
            allow_msg_schedules: false,
            persist_mode: Persist::Default,
            metadata: BTreeMap::new(),
        }
    }
}

pub(super) fn is_false(value: &bool) -> bool {
    !value
}

pub(super) fn is_zero<N: Default + PartialEq>(value: &N) -> bool {
    *value == N::default()
}
