use std::time::Duration;

use serde_json::{from_value, json, to_value};

use super::*;
use crate::Timestamp;

#[test]
fn names() {
    let longest = "a".repeat(NAME_BYTES_MAX);
    for good in ["a", "ORDERS", "KV_x-y", "é", &longest] {
        assert!(is_name(good), "{good}");
    }
    let too_long = "a".repeat(NAME_BYTES_MAX + 1);
    for bad in ["", "a.b", "a*", ">", "a/b", "a\\b", "a b", "a\tb", "a\0", &too_long] {
        assert!(!is_name(bad), "{bad}");
    }
}

#[test]
fn a_stream_as_json() {
    let config: StreamConfig = from_value(json!({
        "name": "KV_b", "subjects": ["$KV.b.>"], "retention": "workqueue", "max_age": 1_500_000_000, "discard": "new",
        "storage": "memory", "compression": "s2", "consumer_limits": {"max_ack_pending": 5}, "sources": [{"name": "x"}],
        "persist_mode": "async", "duplicate_window": -1, "something_newer": true
    }))
    .unwrap();
    let expected = StreamConfig {
        name: "KV_b".into(),
        subjects: vec!["$KV.b.>".into()],
        retention: Retention::WorkQueue,
        max_age: Duration::from_millis(1500),
        discard: Discard::New,
        storage: Storage::Memory,
        compression: Compression::S2,
        consumer_limits: ConsumerLimits { inactive_threshold: Duration::ZERO, max_ack_pending: 5 },
        sources: vec![Unsupported],
        persist_mode: Persist::Async,
        ..StreamConfig::default()
    };
    assert_eq!(config, expected);
    assert_eq!(from_value::<StreamConfig>(to_value(&config).unwrap()).unwrap(), config);
}

#[test]
fn a_consumer_as_json() {
    let text = json!({
        "name": "c", "deliver_policy": "by_start_time", "opt_start_time": "2026-09-21T16:13:20+02:00",
        "ack_policy": "explicit", "ack_wait": 30_000_000_000_u64, "max_deliver": 3, "backoff": [1_000_000_000, 2_000_000_000],
        "filter_subjects": ["a", "b"], "replay_policy": "original"
    });
    let config: ConsumerConfig = from_value(text).unwrap();
    let expected = ConsumerConfig {
        name: "c".into(),
        deliver_policy: DeliverPolicy::ByStartTime,
        opt_start_time: Some(Timestamp(1_790_000_000_000_000)),
        ack_policy: AckPolicy::Explicit,
        ack_wait: Duration::from_secs(30),
        max_deliver: 3,
        backoff: vec![Duration::from_secs(1), Duration::from_secs(2)],
        filter_subjects: vec!["a".into(), "b".into()],
        replay_policy: ReplayPolicy::Original,
        ..ConsumerConfig::default()
    };
    assert_eq!(config, expected);
    assert_eq!(config.filters(), ["a", "b"]);
    assert_eq!(from_value::<ConsumerConfig>(to_value(&config).unwrap()).unwrap(), config);
    assert!(from_value::<ConsumerConfig>(json!({"opt_start_time": "yesterday"})).is_err());
}

#[test]
fn errors_as_json() {
    for (error, expected) in [
        (ApiError::StreamNotFound, json!({"code": 404, "err_code": 10059, "description": "stream not found"})),
        (
            ApiError::WrongLastSequence(7),
            json!({"code": 400, "err_code": 10071, "description": "wrong last sequence: 7"}),
        ),
    ] {
        assert_eq!(to_value(&error).unwrap(), expected);
    }
}
