//! The configuration of a stream as JSON (nats-server, `StreamConfig` in `server/stream.go`).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Nanos, is_default};

/// When a stream lets go of a message by itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names are the protocol's")]
pub enum Retention {
    #[default]
    Limits,
    Interest,
    WorkQueue,
}

/// What gives way when a limit is met: the oldest message, or the new one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names are the protocol's")]
pub enum Discard {
    #[default]
    Old,
    New,
}

/// Where messages are kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names are the protocol's")]
pub enum Storage {
    #[default]
    File,
    Memory,
}

/// How messages are packed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names are the protocol's")]
pub enum Compression {
    #[default]
    None,
    S2,
}

/// Whether a message is acknowledged before it is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names are the protocol's")]
pub enum PersistMode {
    #[default]
    Default,
    Async,
}

/// The rewriting of subjects: what matches `src` becomes `dest`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the names are the protocol's")]
pub struct SubjectTransform {
    pub src: String,
    pub dest: String,
}

/// Sending on of what was stored: what matches `src` goes to `dest`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the names are the protocol's")]
pub struct Republish {
    #[serde(skip_serializing_if = "is_default")]
    pub src: String,
    pub dest: String,
    #[serde(skip_serializing_if = "is_default")]
    pub headers_only: bool,
}

/// What a consumer of the stream gets where it asks for nothing, and the most that it may ask for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the names are the protocol's")]
pub struct ConsumerLimits {
    #[serde(skip_serializing_if = "is_default")]
    pub inactive_threshold: Nanos,
    #[serde(skip_serializing_if = "is_default")]
    pub max_ack_pending: i64,
}

/// A stream's configuration, by the names of the protocol. What is missing is its zero, which often means "the default", as a
/// negative limit means "none".
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the names are the protocol's")]
pub struct StreamConfig {
    pub name: String,
    #[serde(skip_serializing_if = "is_default")]
    pub description: String,
    #[serde(skip_serializing_if = "is_default")]
    pub subjects: Vec<String>,
    pub retention: Retention,
    pub max_consumers: i64,
    pub max_msgs: i64,
    pub max_bytes: i64,
    pub max_age: Nanos,
    pub max_msgs_per_subject: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub max_msg_size: i32,
    pub discard: Discard,
    pub storage: Storage,
    pub num_replicas: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub no_ack: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub duplicate_window: Nanos,
    #[serde(skip_serializing_if = "is_default")]
    pub placement: Option<Value>,
    #[serde(skip_serializing_if = "is_default")]
    pub mirror: Option<Value>,
    #[serde(skip_serializing_if = "is_default")]
    pub sources: Vec<Value>,
    pub compression: Compression,
    #[serde(skip_serializing_if = "is_default")]
    pub first_seq: u64,
    #[serde(skip_serializing_if = "is_default")]
    pub subject_transform: Option<SubjectTransform>,
    #[serde(skip_serializing_if = "is_default")]
    pub republish: Option<Republish>,
    pub allow_direct: bool,
    pub mirror_direct: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub discard_new_per_subject: bool,
    pub sealed: bool,
    pub deny_delete: bool,
    pub deny_purge: bool,
    pub allow_rollup_hdrs: bool,
    pub consumer_limits: ConsumerLimits,
    pub allow_msg_ttl: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub subject_delete_marker_ttl: Nanos,
    #[serde(skip_serializing_if = "is_default")]
    pub allow_msg_counter: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub allow_atomic: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub allow_msg_schedules: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub persist_mode: PersistMode,
    #[serde(skip_serializing_if = "is_default")]
    pub allow_batched: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub metadata: BTreeMap<String, String>,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What is always written, and the order of it all.
    const BUCKET: &str = concat!(
        r#"{"name":"KV_b","subjects":["$KV.b.>"],"retention":"limits","max_consumers":-1,"max_msgs":-1,"max_bytes":-1,"#,
        r#""max_age":0,"max_msgs_per_subject":1,"discard":"new","storage":"memory","num_replicas":1,"#,
        r#""duplicate_window":120000000000,"compression":"none","allow_direct":true,"mirror_direct":false,"#,
        r#""sealed":false,"deny_delete":true,"deny_purge":false,"allow_rollup_hdrs":true,"consumer_limits":{},"#,
        r#""allow_msg_ttl":false}"#
    );

    #[test]
    fn a_bucket() {
        let config: StreamConfig = serde_json::from_str(BUCKET).unwrap();
        assert_eq!(config.subjects, ["$KV.b.>"]);
        assert_eq!((config.discard, config.storage), (Discard::New, Storage::Memory));
        assert_eq!(config.duplicate_window, Nanos::from_secs(120));
        assert_eq!(serde_json::to_string(&config).unwrap(), BUCKET);
    }

    #[test]
    fn every_key() {
        let text = r#"{"name":"a","description":"d","subjects":["a.>"],"retention":"workqueue","max_consumers":1,
            "max_msgs":2,"max_bytes":3,"max_age":4,"max_msgs_per_subject":5,"max_msg_size":6,"discard":"old",
            "storage":"file","num_replicas":3,"no_ack":true,"duplicate_window":7,"placement":{"tags":["x"]},
            "mirror":{"name":"m"},"sources":[{"name":"s"}],"compression":"s2","first_seq":8,
            "subject_transform":{"src":"a","dest":"b"},"republish":{"src":"a","dest":"c","headers_only":true},
            "allow_direct":true,"mirror_direct":true,"discard_new_per_subject":true,"sealed":true,"deny_delete":true,
            "deny_purge":true,"allow_rollup_hdrs":true,
            "consumer_limits":{"inactive_threshold":9,"max_ack_pending":10},"allow_msg_ttl":true,
            "subject_delete_marker_ttl":11,"allow_msg_counter":true,"allow_atomic":true,"allow_msg_schedules":true,
            "persist_mode":"async","allow_batched":true,"metadata":{"k":"v"}}"#;
        let value: Value = serde_json::from_str(text).unwrap();
        let config: StreamConfig = serde_json::from_value(value.clone()).unwrap();
        assert_eq!(serde_json::to_value(&config).unwrap(), value);
    }

    #[test]
    fn what_is_missing_is_zero() {
        let config: StreamConfig = serde_json::from_str("{}").unwrap();
        assert_eq!(config, StreamConfig::default());
        assert_eq!(
            (config.retention, config.discard, config.storage),
            (Retention::Limits, Discard::Old, Storage::File)
        );
        for text in [r#"{"retention":"none"}"#, r#"{"max_age":"1s"}"#, r#"{"max_msg_size":2147483648}"#] {
            assert!(serde_json::from_str::<StreamConfig>(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_configuration_is_read_as_it_was_written(
            texts in prop::collection::vec(".*", 0..4), numbers: [i64; 8], flags: [bool; 8],
        ) {
            let text = |at: usize| texts.get(at).cloned().unwrap_or_default();
            let config = StreamConfig {
                name: text(0),
                description: text(1),
                subjects: texts.clone(),
                max_msgs: numbers[0],
                max_bytes: numbers[1],
                max_age: Nanos(numbers[2]),
                duplicate_window: Nanos(numbers[3]),
                first_seq: numbers[4].unsigned_abs(),
                consumer_limits: ConsumerLimits { inactive_threshold: Nanos(numbers[5]), max_ack_pending: numbers[6] },
                retention: if flags[0] { Retention::Interest } else { Retention::WorkQueue },
                discard: if flags[1] { Discard::New } else { Discard::Old },
                republish: flags[2].then(|| Republish { src: text(1), dest: text(2), headers_only: flags[3] }),
                sealed: flags[4],
                allow_msg_ttl: flags[5],
                metadata: texts.iter().map(|text| (text.clone(), text.clone())).collect(),
                ..StreamConfig::default()
            };
            let json = serde_json::to_string(&config).unwrap();
            prop_assert_eq!(serde_json::from_str::<StreamConfig>(&json).unwrap(), config);
        }
    }
}
