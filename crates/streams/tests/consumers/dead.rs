//! Dead letters, schedules, and reading several messages at once.

use std::time::Duration;

use async_nats::jetstream::{
    consumer::{PullConsumer, pull},
    stream::{self, RetentionPolicy},
};
use async_nats::{HeaderMap, StatusCode};
use futures_util::StreamExt;

use crate::rig::{Rig, pull, stream, told};

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_is_kept_with_its_history() {
    let mut rig = Rig::start().await;
    let queue = rig.stream(stream::Config { retention: RetentionPolicy::WorkQueue, ..stream("s") }).await;
    let metadata = [("isles.dead-letter".to_owned(), "true".to_owned())].into();
    let config = pull::Config { max_deliver: 2, ack_wait: Duration::from_millis(50), metadata, ..pull("c") };
    let consumer = queue.create_consumer(config).await.unwrap();
    let mut headers = HeaderMap::new();
    headers.insert("Nats-Msg-Id", "one");
    headers.insert("K", "v");
    rig.js.publish_with_headers("s.1", headers, "1".into()).await.unwrap().await.unwrap();
    let mut messages = consumer.messages().await.unwrap();
    for delivered in ["1", "1x2"] {
        assert_eq!(told(&[messages.next().await.unwrap().unwrap()]), delivered);
    }
    let mut dead = rig.js.get_stream("s-c-dead").await.unwrap();
    while dead.info().await.unwrap().state.messages == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(rig.js.get_stream("s").await.unwrap().cached_info().state.messages, 0, "the queue has let it go");
    rig = rig.restart().await;
    let dead = rig.js.get_stream("s-c-dead").await.unwrap();
    let letter = dead.get_raw_message(1).await.unwrap();
    assert_eq!((&*letter.subject, &*letter.payload), ("$DEAD.s.c.s.1", &b"1"[..]));
    for (name, value) in [
        ("K", "v"),
        ("Nats-Msg-Id", "one"),
        ("Isles-Dead-Stream", "s"),
        ("Isles-Dead-Consumer", "c"),
        ("Isles-Dead-Sequence", "1"),
        ("Isles-Dead-Deliveries", "2"),
        ("Isles-Dead-Reason", "max-deliveries"),
    ] {
        assert_eq!(letter.headers.get(name).map(|value| value.as_str()), Some(value), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_publishes_when_its_time_has_come() {
    let rig = Rig::start().await;
    let kept = rig.stream(stream::Config { allow_message_schedules: true, ..stream("s") }).await;
    let consumer: PullConsumer =
        kept.create_consumer(pull::Config { filter_subject: "s.now".into(), ..pull("c") }).await.unwrap();
    let mut headers = HeaderMap::new();
    headers.insert("Nats-Schedule", "@at 2026-01-01T00:00:00Z");
    headers.insert("Nats-Schedule-Target", "s.now");
    headers.insert("K", "v");
    rig.js.publish_with_headers("s.later", headers, "hi".into()).await.unwrap().await.unwrap();
    let message = consumer.messages().await.unwrap().next().await.unwrap().unwrap();
    let headers = message.headers.as_ref().unwrap();
    assert_eq!((&*message.subject, &*message.payload), ("s.now", &b"hi"[..]));
    let told = ["K", "Nats-Scheduler", "Nats-Schedule-Next"].map(|name| headers.get(name).map(|value| value.as_str()));
    assert_eq!(told, [Some("v"), Some("s.later"), Some("purge")]);
    assert!(headers.get("Nats-Schedule-Target").is_none());
    assert!(kept.get_raw_message(1).await.is_err(), "the schedule has gone");
}

#[tokio::test(flavor = "multi_thread")]
async fn several_messages_are_read_at_once() {
    let rig = Rig::start().await;
    rig.stream(stream::Config { allow_direct: true, ..stream("s") }).await;
    for round in [1..=4, 1..=2] {
        rig.publish("s", round).await;
    }
    for (request, expected) in [
        (r#"{"seq":2,"batch":2}"#, "2:4 3:3 204:3"),
        (r#"{"next_by_subj":"s.1","batch":9}"#, "1:1 5:0 204:0"),
        (r#"{"seq":1,"batch":9,"max_bytes":5}"#, "1:5 204:5"),
        (r#"{"multi_last":["s.1","s.3"]}"#, "3:1 5:0 204:0"),
        (r#"{"multi_last":["s.>"],"up_to_seq":4,"batch":2}"#, "1:3 2:2 204:2"),
        (r#"{"multi_last":["x"]}"#, "404"),
        (r#"{"seq":9,"batch":2}"#, "404"),
    ] {
        let inbox = rig.client.new_inbox();
        let mut answers = rig.client.subscribe(inbox.clone()).await.unwrap();
        rig.client.publish_with_reply("$JS.API.DIRECT.GET.s", inbox, request.into()).await.unwrap();
        let mut heard = Vec::new();
        loop {
            let answer = answers.next().await.unwrap();
            let headers = answer.headers.unwrap_or_default();
            let header = |name: &str| headers.get(name).map(|value| value.to_string()).unwrap_or_default();
            let pending = header("Nats-Num-Pending");
            match answer.status {
                Some(StatusCode::NOT_FOUND) => heard.push("404".to_owned()),
                Some(status) => heard.push(format!("{status}:{pending}")),
                None => {
                    heard.push(format!("{}:{pending}", header("Nats-Sequence")));
                    continue;
                }
            }
            break;
        }
        assert_eq!(heard.join(" "), expected, "{request}");
    }
}
