//! Pull consumers.

use std::time::Duration;

use async_nats::jetstream::{
    AckKind,
    consumer::{AckPolicy, PullConsumer, pull},
    stream::{self, RetentionPolicy},
};
use futures_util::StreamExt;

use crate::rig::{Rig, fetch, pull, stream, told};

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_pulled_acknowledged_and_remembered() {
    let mut rig = Rig::start().await;
    rig.stream(stream("s")).await.create_consumer(pull("c")).await.unwrap();
    rig.publish("s", 1..=5).await;
    let consumer: PullConsumer = rig.js.get_consumer_from_stream("c", "s").await.unwrap();
    let messages = fetch(&consumer, 3).await;
    assert_eq!(told(&messages), "1 2 3");
    assert_eq!((&*messages[0].subject, messages[2].info().unwrap().pending), ("s.1", 2));
    messages[0].double_ack().await.unwrap();
    messages[2].ack_with(AckKind::Nak(None)).await.unwrap();
    assert_eq!(told(&fetch(&consumer, 1).await), "3x2");
    rig = rig.restart().await;
    let mut consumer: PullConsumer = rig.js.get_consumer_from_stream("c", "s").await.unwrap();
    let info = consumer.info().await.unwrap();
    assert_eq!((info.num_ack_pending, info.num_pending, info.num_redelivered), (2, 2, 1));
    assert_eq!((info.delivered.consumer_sequence, info.ack_floor.stream_sequence), (4, 1));
    assert_eq!(told(&fetch(&consumer, 5).await), "4 5");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_work_queue_is_emptied_by_acknowledgements() {
    let rig = Rig::start().await;
    let config = stream::Config { retention: RetentionPolicy::WorkQueue, ..stream("s") };
    let mut queue = rig.stream(config).await;
    let consumer = queue.create_consumer(pull("c")).await.unwrap();
    rig.publish("s", 1..=3).await;
    for message in fetch(&consumer, 2).await {
        message.double_ack().await.unwrap();
    }
    assert_eq!(queue.info().await.unwrap().state.messages, 1);
    let other = pull::Config { filter_subject: "s.1".into(), ..pull("d") };
    let refused = queue.create_consumer(other).await.unwrap_err();
    assert!(refused.to_string().contains("10099"), "{refused}");
    queue.delete_consumer("c").await.unwrap();
    let other = pull::Config { filter_subject: "s.3".into(), ..pull("d") };
    let consumer = queue.create_consumer(other).await.unwrap();
    assert_eq!(told(&fetch(&consumer, 5).await), "3");
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_come_as_they_are_published() {
    let rig = Rig::start().await;
    let config = pull::Config { ack_policy: AckPolicy::None, ..pull::Config::default() };
    let consumer = rig.stream(stream("s")).await.create_consumer(config).await.unwrap();
    let mut messages = consumer.messages().await.unwrap();
    for number in 1..=100 {
        rig.publish("s", number..=number).await;
        let message = messages.next().await.unwrap().unwrap();
        assert_eq!(told(&[message]), number.to_string());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_acknowledged_comes_again() {
    let rig = Rig::start().await;
    let config = pull::Config { ack_wait: Duration::from_millis(100), max_deliver: 3, ..pull("c") };
    let consumer = rig.stream(stream("s")).await.create_consumer(config).await.unwrap();
    let mut advisories = rig.client.subscribe("$JS.EVENT.ADVISORY.CONSUMER.*.s.c").await.unwrap();
    rig.publish("s", 1..=1).await;
    let mut messages = consumer.messages().await.unwrap();
    for delivered in ["1", "1x2", "1x3"] {
        assert_eq!(told(&[messages.next().await.unwrap().unwrap()]), delivered);
    }
    let advisory = advisories.next().await.unwrap();
    assert_eq!(&*advisory.subject, "$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.s.c");
    let body: serde_json::Value = serde_json::from_slice(&advisory.payload).unwrap();
    assert_eq!((&body["stream_seq"], &body["deliveries"]), (&1.into(), &3.into()), "{body}");
}
