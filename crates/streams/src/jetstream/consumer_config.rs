//! The configuration of a consumer as JSON (nats-server, `ConsumerConfig` in `server/consumer.go`).

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Nanos, is_default};

/// Where in the stream a consumer begins.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are the protocol's")]
pub enum DeliverPolicy {
    #[default]
    #[serde(alias = "undefined")]
    All,
    Last,
    New,
    ByStartSequence,
    ByStartTime,
    LastPerSubject,
}

/// Which messages a consumer must acknowledge: none, the last one for all before it, or each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are the protocol's")]
pub enum AckPolicy {
    #[default]
    None,
    All,
    Explicit,
}

/// How fast messages that are already there are delivered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are the protocol's")]
pub enum ReplayPolicy {
    #[default]
    Instant,
    Original,
}

/// A consumer's configuration, by the names of the protocol. What is missing is its zero, which often means "the default".
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the names are the protocol's")]
pub struct ConsumerConfig {
    #[serde(skip_serializing_if = "is_default")]
    pub durable_name: String,
    #[serde(skip_serializing_if = "is_default")]
    pub name: String,
    #[serde(skip_serializing_if = "is_default")]
    pub description: String,
    pub deliver_policy: DeliverPolicy,
    #[serde(skip_serializing_if = "is_default")]
    pub opt_start_seq: u64,
    #[serde(skip_serializing_if = "is_default")]
    pub opt_start_time: Option<Timestamp>,
    pub ack_policy: AckPolicy,
    #[serde(skip_serializing_if = "is_default")]
    pub ack_wait: Nanos,
    #[serde(skip_serializing_if = "is_default")]
    pub max_deliver: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub backoff: Vec<Nanos>,
    #[serde(skip_serializing_if = "is_default")]
    pub filter_subject: String,
    #[serde(skip_serializing_if = "is_default")]
    pub filter_subjects: Vec<String>,
    pub replay_policy: ReplayPolicy,
    #[serde(skip_serializing_if = "is_default")]
    pub rate_limit_bps: u64,
    #[serde(skip_serializing_if = "is_default")]
    pub sample_freq: String,
    #[serde(skip_serializing_if = "is_default")]
    pub max_waiting: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub max_ack_pending: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub flow_control: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub headers_only: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub max_batch: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub max_expires: Nanos,
    #[serde(skip_serializing_if = "is_default")]
    pub max_bytes: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub deliver_subject: String,
    #[serde(skip_serializing_if = "is_default")]
    pub deliver_group: String,
    #[serde(skip_serializing_if = "is_default")]
    pub idle_heartbeat: Nanos,
    #[serde(skip_serializing_if = "is_default")]
    pub inactive_threshold: Nanos,
    pub num_replicas: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub mem_storage: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub direct: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub sourcing: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub metadata: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "is_default")]
    pub pause_until: Option<Timestamp>,
    #[serde(skip_serializing_if = "is_default")]
    pub priority_groups: Vec<String>,
    #[serde(skip_serializing_if = "is_default")]
    pub priority_policy: String,
    #[serde(skip_serializing_if = "is_default")]
    pub priority_timeout: Nanos,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    /// What is always written, and the order of it all.
    const WORKER: &str = concat!(
        r#"{"durable_name":"w","name":"w","deliver_policy":"all","ack_policy":"explicit","ack_wait":30000000000,"#,
        r#""max_deliver":-1,"backoff":[1000000000,5000000000],"replay_policy":"instant","max_waiting":512,"#,
        r#""max_ack_pending":1000,"num_replicas":0}"#
    );

    #[test]
    fn a_worker() {
        let config: ConsumerConfig = serde_json::from_str(WORKER).unwrap();
        assert_eq!((config.ack_policy, config.ack_wait), (AckPolicy::Explicit, Nanos::from_secs(30)));
        assert_eq!(config.backoff, [Nanos::from_secs(1), Nanos::from_secs(5)]);
        assert_eq!(serde_json::to_string(&config).unwrap(), WORKER);
    }

    #[test]
    fn every_key() {
        let text = r#"{"durable_name":"a","name":"a","description":"d","deliver_policy":"by_start_time",
            "opt_start_seq":1,"opt_start_time":"2026-01-02T03:04:05.6Z","ack_policy":"all","ack_wait":2,
            "max_deliver":3,"backoff":[4],"filter_subject":"a","filter_subjects":["b"],"replay_policy":"original",
            "rate_limit_bps":5,"sample_freq":"30%","max_waiting":6,"max_ack_pending":7,"flow_control":true,
            "headers_only":true,"max_batch":8,"max_expires":9,"max_bytes":10,"deliver_subject":"x",
            "deliver_group":"g","idle_heartbeat":11,"inactive_threshold":12,"num_replicas":13,"mem_storage":true,
            "direct":true,"sourcing":true,"metadata":{"k":"v"},"pause_until":"2026-01-02T03:04:05Z",
            "priority_groups":["p"],"priority_policy":"overflow","priority_timeout":14}"#;
        let value: Value = serde_json::from_str(text).unwrap();
        let config: ConsumerConfig = serde_json::from_value(value.clone()).unwrap();
        assert_eq!(serde_json::to_value(&config).unwrap(), value);
    }

    #[test]
    fn what_is_missing_is_zero() {
        let config: ConsumerConfig = serde_json::from_str(r#"{"deliver_policy":"undefined"}"#).unwrap();
        assert_eq!(config, ConsumerConfig::default());
        for text in [r#"{"ack_policy":"some"}"#, r#"{"opt_start_time":"now"}"#, r#"{"backoff":["1s"]}"#] {
            assert!(serde_json::from_str::<ConsumerConfig>(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_configuration_is_read_as_it_was_written(
            texts in prop::collection::vec(".*", 0..4), numbers: [i64; 8], flags: [bool; 4], seconds in 0..4_000_000_000_i64,
        ) {
            let text = |at: usize| texts.get(at).cloned().unwrap_or_default();
            let config = ConsumerConfig {
                durable_name: text(0),
                filter_subjects: texts.clone(),
                opt_start_time: flags[0].then(|| Timestamp::from_second(seconds).unwrap()),
                pause_until: flags[1].then(|| Timestamp::new(seconds, 7).unwrap()),
                ack_wait: Nanos(numbers[0]),
                max_deliver: numbers[1],
                backoff: numbers[2..4].iter().copied().map(Nanos).collect(),
                rate_limit_bps: numbers[4].unsigned_abs(),
                deliver_subject: text(1),
                idle_heartbeat: Nanos(numbers[5]),
                flow_control: flags[2],
                mem_storage: flags[3],
                ..ConsumerConfig::default()
            };
            let json = serde_json::to_string(&config).unwrap();
            prop_assert_eq!(serde_json::from_str::<ConsumerConfig>(&json).unwrap(), config);
        }
    }
}
