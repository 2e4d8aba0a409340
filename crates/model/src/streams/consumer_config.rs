//! What a consumer is.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use super::{
    json::{nanos, nanos_list, time},
    stream_config::{choice, is_false, is_zero},
};
use crate::Timestamp;

choice! {
    /// Where a consumer begins.
    DeliverPolicy {
        /// At the first message.
        #[default]
        #[serde(alias = "undefined")]
        All,
        /// At the last message that fits.
        Last,
        /// After the last message.
        New,
        /// At `opt_start_seq`.
        ByStartSequence,
        /// At the first message since `opt_start_time`.
        ByStartTime,
        /// With the last message of each subject, then all that come.
        LastPerSubject,
    }
}

choice! {
    /// What must be acknowledged.
    AckPolicy {
        /// Nothing.
        #[default]
        None,
        /// A message, and with it all before it.
        All,
        /// Each message.
        Explicit,
    }
}

choice! {
    /// How fast messages are delivered.
    ReplayPolicy {
        /// As fast as they are taken.
        #[default]
        Instant,
        /// With the pauses that they were published with.
        Original,
    }
}

/// The configuration of a consumer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConsumerConfig {
    /// Its name, if it lasts when nobody uses it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub durable_name: String,
    /// Its name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// What people should know of it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Where it begins.
    pub deliver_policy: DeliverPolicy,
    /// The first sequence, with [`DeliverPolicy::ByStartSequence`].
    #[serde(skip_serializing_if = "is_zero")]
    pub opt_start_seq: u64,
    /// The first time, with [`DeliverPolicy::ByStartTime`].
    #[serde(with = "time", skip_serializing_if = "Option::is_none")]
    pub opt_start_time: Option<Timestamp>,
    /// What must be acknowledged.
    pub ack_policy: AckPolicy,
    /// How long an acknowledgement may take; zero for 30 s.
    #[serde(with = "nanos", skip_serializing_if = "Duration::is_zero")]
    pub ack_wait: Duration,
    /// How often a message is delivered; 0 and -1 for any number.
    #[serde(skip_serializing_if = "is_zero")]
    pub max_deliver: i64,
    /// How long the n-th acknowledgement may take, in place of `ack_wait`; the last stays in force.
    #[serde(with = "nanos_list", skip_serializing_if = "Vec::is_empty")]
    pub backoff: Vec<Duration>,
    /// The subjects that it wants; empty for all.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub filter_subject: String,
    /// The same, several of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub filter_subjects: Vec<String>,
    /// How fast messages are delivered.
    pub replay_policy: ReplayPolicy,
    /// Bits in a second; 0 for any rate.
    #[serde(skip_serializing_if = "is_zero")]
    pub rate_limit_bps: u64,
    /// The share of acknowledgements that are told of: `30%`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub sample_freq: String,
    /// Pull requests that may wait; 0 for 512.
    #[serde(skip_serializing_if = "is_zero")]
    pub max_waiting: i64,
    /// Messages that may be unacknowledged; 0 for 1000, -1 for as many as the server allows.
    #[serde(skip_serializing_if = "is_zero")]
    pub max_ack_pending: i64,
    /// Push only: the client says when it has taken what it got.
    #[serde(skip_serializing_if = "is_false")]
    pub flow_control: bool,
    /// Without payloads.
    #[serde(skip_serializing_if = "is_false")]
    pub headers_only: bool,
    /// Messages that one pull request may ask for; 0 for any number.
    #[serde(skip_serializing_if = "is_zero")]
    pub max_batch: i64,
    /// How long one pull request may wait; zero for any time.
    #[serde(with = "nanos", skip_serializing_if = "Duration::is_zero")]
    pub max_expires: Duration,
    /// Bytes that one pull request may ask for; 0 for any number.
    #[serde(skip_serializing_if = "is_zero")]
    pub max_bytes: i64,
    /// Where messages are pushed to; empty for a pull consumer.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub deliver_subject: String,
    /// The queue group that they are pushed to.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub deliver_group: String,
    /// Push only: the pause after which something is sent; zero for none.
    #[serde(with = "nanos", skip_serializing_if = "Duration::is_zero")]
    pub idle_heartbeat: Duration,
    /// How long it stays when nobody uses it; zero for the default.
    #[serde(with = "nanos", skip_serializing_if = "Duration::is_zero")]
    pub inactive_threshold: Duration,
    /// Copies of its state; 0 and 1 are supported.
    pub num_replicas: i32,
    /// Its state is kept in memory.
    #[serde(skip_serializing_if = "is_false")]
    pub mem_storage: bool,
    /// For a mirror or a source: not supported.
    #[serde(skip_serializing_if = "is_false")]
    pub direct: bool,
    /// For a source: not supported.
    #[serde(skip_serializing_if = "is_false")]
    pub sourcing: bool,
    /// Keys and values of the user's own.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    /// Nothing is delivered before.
    #[serde(with = "time", skip_serializing_if = "Option::is_none")]
    pub pause_until: Option<Timestamp>,
    /// Priority groups: not supported.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub priority_groups: Vec<String>,
    /// How they are served: not supported.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub priority_policy: String,
    /// How long a client is preferred: not supported.
    #[serde(with = "nanos", skip_serializing_if = "Duration::is_zero")]
    pub priority_timeout: Duration,
}

impl ConsumerConfig {
    /// The subjects that it wants; none for all.
    pub fn filters(&self) -> Vec<&str> {
        let one = Some(self.filter_subject.as_str()).filter(|subject| !subject.is_empty());
        one.into_iter().chain(self.filter_subjects.iter().map(String::as_str)).collect()
    }

    /// The share of acknowledgements that are told of, in percent; `None` if `sample_freq` is none.
    pub fn sample_percent(&self) -> Option<u8> {
        let share = self.sample_freq.strip_suffix('%').unwrap_or(&self.sample_freq);
        if share.is_empty() { Some(0) } else { share.parse().ok().filter(|percent| *percent <= 100) }
    }

    /// Whether messages are pushed to a subject.
    pub fn is_push(&self) -> bool {
        !self.deliver_subject.is_empty()
    }

    /// Whether it lasts when nobody uses it.
    pub fn is_durable(&self) -> bool {
        !self.durable_name.is_empty()
    }
}
