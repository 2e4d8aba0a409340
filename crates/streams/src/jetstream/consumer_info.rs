//! What is told of a consumer.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{ConsumerConfig, Nanos, Time, is_default};

/// A place in a consumer and in its stream.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SequenceInfo {
    /// The sequence of the delivery.
    pub consumer_seq: u64,
    /// The sequence of the message.
    pub stream_seq: u64,
    /// When that was.
    #[serde(skip_serializing_if = "is_default")]
    pub last_active: Option<Timestamp>,
}

/// A consumer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ConsumerInfo {
    /// Its stream.
    pub stream_name: String,
    /// Its name.
    pub name: String,
    /// When it was created.
    pub created: Timestamp,
    /// Its configuration.
    pub config: ConsumerConfig,
    /// The last delivery.
    pub delivered: SequenceInfo,
    /// Up to where everything is acknowledged.
    pub ack_floor: SequenceInfo,
    /// How many deliveries wait for their acknowledgement.
    pub num_ack_pending: u64,
    /// How many of these were delivered more than once.
    pub num_redelivered: u64,
    /// How many pull requests wait.
    pub num_waiting: u64,
    /// How many messages wait for their first delivery.
    pub num_pending: u64,
    /// Whether somebody listens where a push consumer delivers.
    #[serde(default, skip_serializing_if = "is_default")]
    pub push_bound: bool,
    /// Whether it is paused.
    #[serde(default, skip_serializing_if = "is_default")]
    pub paused: bool,
    /// For how long yet.
    #[serde(default, skip_serializing_if = "is_default")]
    pub pause_remaining: Nanos,
    /// When this was told.
    #[serde(default)]
    pub ts: Timestamp,
}

/// The answer to a pause.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// Whether the consumer is paused now.
    pub paused: bool,
    /// Until when; the zero time if it is not.
    pub pause_until: Time,
    /// For how long yet.
    #[serde(default, skip_serializing_if = "is_default")]
    pub pause_remaining: Nanos,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_consumer() {
        let config = r#"{"durable_name":"w","deliver_policy":"all","ack_policy":"explicit","replay_policy":"instant","num_replicas":0}"#;
        let text = [
            r#"{"stream_name":"s","name":"w","created":"2026-01-02T03:04:05Z","config":"#,
            config,
            r#","delivered":{"consumer_seq":3,"stream_seq":9,"last_active":"2026-01-02T03:04:06Z"},"#,
            r#""ack_floor":{"consumer_seq":0,"stream_seq":0},"num_ack_pending":3,"num_redelivered":1,"#,
            r#""num_waiting":0,"num_pending":5,"paused":true,"pause_remaining":7,"ts":"2026-01-02T03:04:07Z"}"#,
        ]
        .concat();
        let info: ConsumerInfo = serde_json::from_str(&text).unwrap();
        assert_eq!((info.num_pending, info.delivered.stream_seq, info.pause_remaining), (5, 9, Nanos(7)));
        assert_eq!(serde_json::to_string(&info).unwrap(), text);
    }

    #[test]
    fn pauses() {
        let resumed = r#"{"paused":false,"pause_until":"0001-01-01T00:00:00Z"}"#;
        assert_eq!(serde_json::to_string(&Pause::default()).unwrap(), resumed);
        let paused = r#"{"paused":true,"pause_until":"2026-01-02T03:04:05Z","pause_remaining":9}"#;
        let pause: Pause = serde_json::from_str(paused).unwrap();
        assert_eq!(serde_json::to_string(&pause).unwrap(), paused);
    }
}
