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
    let zero = json!({"opt_start_time": "0001-01-01T00:00:00Z", "pause_until": "0001-01-01T00:00:00Z"});
    assert_eq!(from_value::<ConsumerConfig>(zero).unwrap(), ConsumerConfig::default(), "as Go says that there is none");
}

#[test]
fn every_key_of_a_consumer() {
    let value = json!({"durable_name":"a","name":"a","description":"d","deliver_policy":"by_start_time",
        "opt_start_seq":1,"opt_start_time":"2026-01-02T03:04:05.6Z","ack_policy":"all","ack_wait":2,
        "max_deliver":3,"backoff":[4],"filter_subject":"a","filter_subjects":["b"],"replay_policy":"original",
        "rate_limit_bps":5,"sample_freq":"30%","max_waiting":6,"max_ack_pending":7,"flow_control":true,
        "headers_only":true,"max_batch":8,"max_expires":9,"max_bytes":10,"deliver_subject":"x",
        "deliver_group":"g","idle_heartbeat":11,"inactive_threshold":12,"num_replicas":13,"mem_storage":true,
        "direct":true,"sourcing":true,"metadata":{"k":"v"},"pause_until":"2026-01-02T03:04:05Z",
        "priority_groups":["p"],"priority_policy":"overflow","priority_timeout":14});
    let config: ConsumerConfig = from_value(value.clone()).unwrap();
    assert_eq!(to_value(&config).unwrap(), value);
    let config: ConsumerConfig = from_value(json!({"deliver_policy": "undefined"})).unwrap();
    assert_eq!(config, ConsumerConfig::default());
    let always = json!({"deliver_policy":"all","ack_policy":"none","replay_policy":"instant","num_replicas":0});
    assert_eq!(to_value(&config).unwrap(), always);
    for wrong in [json!({"ack_policy": "some"}), json!({"backoff": ["1s"]})] {
        assert!(from_value::<ConsumerConfig>(wrong.clone()).is_err(), "{wrong}");
    }
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
