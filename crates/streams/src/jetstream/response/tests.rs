use jiff::Timestamp;
use serde_json::{Value, json};

use super::*;
use crate::jetstream::{ConsumerConfig, ErrorCode, SequenceInfo, StreamConfig, StreamState, page};

fn stream() -> StreamInfo {
    StreamInfo {
        config: StreamConfig { name: "s".into(), ..StreamConfig::default() },
        created: Timestamp::UNIX_EPOCH,
        state: StreamState::default(),
        domain: String::new(),
        ts: Timestamp::UNIX_EPOCH,
    }
}

fn consumer() -> ConsumerInfo {
    ConsumerInfo {
        stream_name: "s".into(),
        name: "c".into(),
        created: Timestamp::UNIX_EPOCH,
        config: ConsumerConfig::default(),
        delivered: SequenceInfo::default(),
        ack_floor: SequenceInfo::default(),
        num_ack_pending: 0,
        num_redelivered: 0,
        num_waiting: 0,
        num_pending: 0,
        push_bound: false,
        paused: false,
        pause_remaining: super::super::Nanos(0),
        ts: Timestamp::UNIX_EPOCH,
    }
}

#[test]
fn small_answers() {
    let names = || page(["a".to_owned(), "b".to_owned()].into_iter(), 1, 1_024);
    let (paged, streams) = names();
    let consumers = names().1;
    let response =
        |middle: &str, rest: &str| format!(r#"{{"type":"io.nats.jetstream.api.v1.{middle}_response",{rest}}}"#);
    for (answer, middle, rest) in [
        (Response::StreamDelete(Done::DONE), "stream_delete", r#""success":true"#),
        (Response::StreamPurge(Purged::new(0)), "stream_purge", r#""success":true,"purged":0"#),
        (Response::MessageDelete(Done::DONE), "stream_msg_delete", r#""success":true"#),
        (Response::ConsumerDelete(Done::DONE), "consumer_delete", r#""success":true"#),
        (
            Response::StreamNames(Streams { paged, streams }),
            "stream_names",
            r#""total":2,"offset":1,"limit":1024,"streams":["b"]"#,
        ),
        (
            Response::ConsumerNames(Consumers { paged, consumers }),
            "consumer_names",
            r#""total":2,"offset":1,"limit":1024,"consumers":["b"]"#,
        ),
        (
            Response::MessageGet { message: StoredMessage { subject: "a".into(), seq: 1, ..StoredMessage::default() } },
            "stream_msg_get",
            r#""message":{"subject":"a","seq":1,"time":"0001-01-01T00:00:00Z"}"#,
        ),
        (
            Response::ConsumerPause(Pause::default()),
            "consumer_pause",
            r#""paused":false,"pause_until":"0001-01-01T00:00:00Z""#,
        ),
    ] {
        assert_eq!(answer.body(), response(middle, rest));
    }
}

/// What is told at length elsewhere stands here beside the type, at the top.
#[test]
fn large_answers() {
    let paged = Paged { total: 1, offset: 0, limit: 256 };
    let (stream_json, consumer_json) = (json!(stream()), json!(consumer()));
    let list = |name: &str, entry: &Value| json!({"total": 1, "offset": 0, "limit": 256, name: [entry]});
    let with = |base: &Value, more: Value| {
        let both = [base.as_object(), more.as_object()].map(|object| object.unwrap().clone());
        Value::Object(both.into_iter().flatten().collect())
    };
    let part = json!({"total": 1, "offset": 0, "limit": 256});
    for (answer, middle, expected) in [
        (Response::AccountInfo(AccountInfo::default()), "account_info", json!(AccountInfo::default())),
        (
            Response::StreamCreate(Created { info: stream(), did_create: true }),
            "stream_create",
            with(&stream_json, json!({"did_create": true})),
        ),
        (Response::StreamCreate(Created { info: stream(), did_create: false }), "stream_create", stream_json.clone()),
        (Response::StreamUpdate(stream()), "stream_update", stream_json.clone()),
        (Response::StreamInfo(StreamDetails { paged, info: stream() }), "stream_info", with(&stream_json, part)),
        (
            Response::StreamList(Streams { paged, streams: vec![stream()] }),
            "stream_list",
            list("streams", &stream_json),
        ),
        (Response::ConsumerCreate(consumer()), "consumer_create", consumer_json.clone()),
        (Response::ConsumerInfo(consumer()), "consumer_info", consumer_json.clone()),
        (
            Response::ConsumerList(Consumers { paged, consumers: vec![consumer()] }),
            "consumer_list",
            list("consumers", &consumer_json),
        ),
    ] {
        let found: Value = serde_json::from_str(&answer.body()).unwrap();
        let r#type = format!("io.nats.jetstream.api.v1.{middle}_response");
        assert_eq!(found, with(&expected, json!({"type": r#type})));
    }
}

#[test]
fn failures() {
    for (kind, code, expected) in [
        (
            Kind::StreamInfo,
            ErrorCode::StreamNotFound,
            concat!(
                r#"{"type":"io.nats.jetstream.api.v1.stream_info_response","#,
                r#""error":{"code":404,"err_code":10059,"description":"stream not found"}}"#
            ),
        ),
        (
            Kind::System,
            ErrorCode::BadRequest,
            concat!(
                r#"{"type":"io.nats.jetstream.api.v1.system_response","#,
                r#""error":{"code":400,"err_code":10003,"description":"bad request"}}"#
            ),
        ),
    ] {
        assert_eq!(kind.failed(&code.error()), expected);
    }
}
