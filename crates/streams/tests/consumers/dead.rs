//! Dead letters, schedules, and reading several messages at once.

use std::time::Duration;

use async_nats::jetstream::{
    AckKind,
    consumer::{PullConsumer, pull},
    stream::{self, RetentionPolicy},
};
use async_nats::{HeaderMap, StatusCode};
use futures_util::StreamExt;

use crate::rig::{Rig, fetch, pull, stream, told};

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_is_kept_with_its_history() {
    let mut rig = Rig::start().await;
    let queue = rig.stream(stream::Config { retention: RetentionPolicy::WorkQueue, ..stream("s") }).await;
    let config = pull::Config { ack_wait: Duration::from_millis(50), ..keeping("c") };
    let consumer = queue.create_consumer(config).await.unwrap();
    let mut headers = HeaderMap::new();
    headers.insert("Nats-Msg-Id", "one");
    headers.insert("K", "v");
    rig.js.publish_with_headers("s.1", headers, "1".into()).await.unwrap().await.unwrap();
    let mut messages = consumer.messages().await.unwrap();
    for delivered in ["1", "1x2"] {
        assert_eq!(told(&[messages.next().await.unwrap().unwrap()]), delivered);
    }
    let mut dead = rig.js.get_stream("DEAD-1-s-c").await.unwrap();
    while dead.info().await.unwrap().state.messages == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(rig.js.get_stream("s").await.unwrap().cached_info().state.messages, 0, "the queue has let it go");
    rig = rig.restart().await;
    let dead = rig.js.get_stream("DEAD-1-s-c").await.unwrap();
    let letter = dead.get_raw_message(1).await.unwrap();
    assert_eq!((&*letter.subject, &*letter.payload), ("$DEAD.s.c.s.1", &b"1"[..]));
    let [stored, first, last] = ["Stored", "First-Delivered", "Delivered"].map(|what| {
        let text = letter.headers.get(format!("Isles-Dead-{what}-At").as_str()).unwrap().as_str();
        model::Timestamp::from_rfc3339(text).unwrap()
    });
    let ack_wait = Duration::from_millis(50);
    assert!(stored <= first && first + ack_wait <= last, "{stored:?} {first:?} {last:?}");
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

fn keeping(name: &str) -> pull::Config {
    let metadata = [("isles.dead-letter".to_owned(), "true".to_owned())].into();
    pull::Config { max_deliver: 2, metadata, ..pull(name) }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_terminated_is_a_dead_letter() {
    let rig = Rig::start().await;
    let queue = rig.stream(stream::Config { retention: RetentionPolicy::WorkQueue, ..stream("s") }).await;
    let consumer = queue.create_consumer(keeping("c")).await.unwrap();
    rig.publish("s", 1..=2).await;
    let mut messages = consumer.messages().await.unwrap();
    for words in ["+TERM", "+TERM no such\r\nuser"] {
        let reply = messages.next().await.unwrap().unwrap().reply.clone().unwrap();
        rig.client.request(reply, words.into()).await.unwrap();
    }
    let dead = rig.js.get_stream("DEAD-1-s-c").await.unwrap();
    for (seq, why) in [(1, "terminated"), (2, "terminated: no such  user")] {
        let letter = dead.get_raw_message(seq).await.unwrap();
        let header = |name: &str| letter.headers.get(name).unwrap().to_string();
        assert_eq!((header("Isles-Dead-Reason"), header("Isles-Dead-Deliveries")), (why.into(), "1".into()));
    }
    assert_eq!(rig.js.get_stream("s").await.unwrap().cached_info().state.messages, 0, "the queue has let them go");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_two_consumers_have_their_dead_letters_in_one_stream() {
    let rig = Rig::start().await;
    // As an earlier version named it.
    let earlier = stream::Config { subjects: vec!["$DEAD.a.b-c.>".into()], ..stream("a-b-c-dead") };
    rig.stream(earlier).await;
    for (name, of) in [("a", "b-c"), ("a-b", "c"), ("a", "d")] {
        let kept = rig.js.get_or_create_stream(stream(name)).await.unwrap();
        let consumer: PullConsumer = kept.create_consumer(keeping(of)).await.unwrap();
        if of != "d" {
            rig.publish(name, 1..=1).await;
        }
        for message in fetch(&consumer, 1).await {
            message.ack_with(AckKind::Term).await.unwrap();
        }
    }
    for (name, expected) in [("a-b-c-dead", "$DEAD.a.b-c.a.1"), ("DEAD-3-a-b-c", "$DEAD.a-b.c.a-b.1")] {
        let dead = rig.js.get_stream(name).await.unwrap();
        let letter = loop {
            match dead.get_raw_message(1).await {
                Ok(letter) => break letter,
                Err(_) => tokio::task::yield_now().await,
            }
        };
        assert_eq!(&*letter.subject, expected);
    }
    assert!(rig.js.get_stream("DEAD-1-a-b-c").await.is_err(), "there was one already");
    let kept = rig.js.get_stream("a").await.unwrap();
    let long: Result<PullConsumer, _> = kept.create_consumer(keeping(&"c".repeat(250))).await;
    let said = long.unwrap_err().to_string();
    assert!(said.contains("dead letters is too long"), "{said}");
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
