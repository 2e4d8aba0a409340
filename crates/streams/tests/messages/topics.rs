//! A topic, as its publisher and its subscribers see it.

use async_nats::jetstream::{
    self,
    consumer::{DeliverPolicy, pull, push},
};
use futures_util::{StreamExt, TryStreamExt};
use tokio::time::timeout;

use crate::rig::{Rig, SILENCE, inbox};

#[tokio::test]
async fn what_an_instance_publishes_tells_its_release_as_that_changes() {
    let mut rig = Rig::start().await;
    let orders = rig.context("orders/1").await;
    let publish = async || orders.publish("orders.placed", "{}".into()).await.unwrap().await.unwrap();
    publish().await;
    for release in [11, 12] {
        rig.release("orders/1", release, &["orders.placed"]).await;
        publish().await;
    }
    let stream = rig.context("audit/1").await.get_stream("orders_placed").await.unwrap();
    for (sequence, expected) in [(1, "1"), (2, "11"), (3, "12")] {
        let stored = stream.get_raw_message(sequence).await.unwrap();
        assert_eq!(stored.headers.get("Isles-Release").map(|value| value.as_str()), Some(expected), "{sequence}");
        assert_eq!(stored.payload.as_ref(), b"{}");
    }
}

#[tokio::test]
async fn a_topic_goes_from_its_publisher_to_each_subscriber() {
    let rig = Rig::start().await;
    let orders = rig.context("orders/1").await;
    for order in ["1", "2"] {
        orders.publish("orders.placed", order.into()).await.unwrap().await.unwrap();
    }
    for slot in ["mailer/1", "audit/1"] {
        let service = slot.split('/').next().unwrap();
        let stream = rig.context(slot).await.get_stream("orders_placed").await.unwrap();
        let config = pull::Config { durable_name: Some(service.into()), ..pull::Config::default() };
        let consumer = stream.get_or_create_consumer(service, config).await.unwrap();
        let messages = consumer.fetch().max_messages(10).messages().await.unwrap();
        let messages: Vec<_> = messages.try_collect().await.unwrap();
        let seen: Vec<_> = messages.iter().map(|message| message.payload.as_ref()).collect();
        assert_eq!(seen, [b"1", b"2"], "{slot}");
        for message in &messages {
            message.double_ack().await.unwrap();
        }
        let ordered = pull::OrderedConfig { deliver_policy: DeliverPolicy::All, ..Default::default() };
        let ordered = stream.create_consumer(ordered).await.unwrap().messages().await.unwrap();
        assert_eq!(ordered.take(2).try_collect::<Vec<_>>().await.unwrap().len(), 2);
        let push = push::OrderedConfig { deliver_subject: inbox(service), ..Default::default() };
        let pushed = stream.create_consumer(push).await.unwrap().messages().await.unwrap();
        assert_eq!(pushed.take(2).try_collect::<Vec<_>>().await.unwrap().len(), 2);
    }
}

#[tokio::test]
async fn a_topic_says_how_often_its_messages_come() {
    let rig = Rig::start().await;
    rig.context("orders/1").await.publish("orders.placed", "1".into()).await.unwrap().await.unwrap();
    let stream = rig.context("mailer/1").await.get_stream("orders_placed").await.unwrap();
    let config = pull::Config { durable_name: Some("mailer".into()), ..pull::Config::default() };
    let consumer = stream.create_consumer(config).await.unwrap();
    assert_eq!(consumer.cached_info().config.max_deliver, 2);
    let mut messages = consumer.messages().await.unwrap();
    for delivered in 1..=2 {
        let message = messages.next().await.unwrap().unwrap();
        assert_eq!(message.info().unwrap().delivered, delivered);
        message.ack_with(jetstream::AckKind::Nak(None)).await.unwrap();
    }
    assert!(timeout(SILENCE, messages.next()).await.is_err(), "a third delivery");
}
