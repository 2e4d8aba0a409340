//! What happens to the messages of an instance that is drained, or has gone.

use std::time::Duration;

use async_nats::jetstream::{
    self, Context,
    consumer::{self, pull, push},
};
use futures_util::StreamExt;
use model::InstanceId;
use ports::messages::Messages;
use tokio::time::timeout;

use crate::rig::{PATIENCE, Rig, SILENCE, inbox};

/// How long a drain may take that ends before.
const LIMIT: Duration = Duration::from_secs(600);

/// The consumer `mailer` of `orders.placed`, as a run of the instance in the slot `mailer/1` sees it.
async fn mailer(rig: &Rig, run: u64) -> (async_nats::Client, consumer::PullConsumer) {
    let instance = InstanceId { slot: "mailer/1".parse().unwrap(), run };
    let client = rig.client_of("mailer/1", instance).await;
    let stream = jetstream::new(client.clone()).get_stream("orders_placed").await.unwrap();
    let config = pull::Config { durable_name: Some("mailer".into()), ..pull::Config::default() };
    let consumer = stream.get_or_create_consumer("mailer", config).await.unwrap();
    (client, consumer)
}

async fn publish(orders: &Context, order: &'static str) {
    orders.publish("orders.placed", order.into()).await.unwrap().await.unwrap();
}

async fn next(messages: &mut pull::Stream) -> jetstream::Message {
    timeout(PATIENCE, messages.next()).await.expect("in time").unwrap().unwrap()
}

/// A drained instance gets nothing new, and the drain ends when it has acknowledged what it has; another run in its slot gets the rest.
#[tokio::test]
async fn a_drained_instance_ends_what_it_has_begun() {
    let rig = Rig::start().await;
    let orders = rig.context("orders/1").await;
    let (_old, consumer) = mailer(&rig, 1).await;
    let mut olds = consumer.messages().await.unwrap();
    publish(&orders, "1").await;
    let first = next(&mut olds).await;
    let (server, instance) = (rig.server.clone(), "mailer/1#1".parse().unwrap());
    let mut drain = std::pin::pin!(server.drain(&instance, LIMIT));
    assert!(timeout(SILENCE, &mut drain).await.is_err(), "a message is not acknowledged");
    let (_new, consumer) = mailer(&rig, 2).await;
    let mut news = consumer.messages().await.unwrap();
    for order in ["2", "3", "4"] {
        publish(&orders, order).await;
        let message = next(&mut news).await;
        assert_eq!((message.payload.as_ref(), message.info().unwrap().delivered), (order.as_bytes(), 1));
        message.double_ack().await.unwrap();
    }
    first.double_ack().await.unwrap();
    timeout(PATIENCE, &mut drain).await.expect("all is acknowledged");
    assert!(timeout(SILENCE, olds.next()).await.is_err(), "it gets nothing new");
    let mut consumer = consumer;
    let info = consumer.info().await.unwrap();
    assert_eq!((info.num_ack_pending, info.num_redelivered, info.num_pending), (0, 0, 0));
}

/// What an instance had not acknowledged when its connection ended is delivered again at once, not after `ack_wait`.
#[tokio::test]
async fn what_a_lost_instance_had_comes_again_at_once() {
    let rig = Rig::start().await;
    let orders = rig.context("orders/1").await;
    let (old, consumer) = mailer(&rig, 1).await;
    let mut olds = consumer.messages().await.unwrap();
    publish(&orders, "1").await;
    let _ = next(&mut olds).await;
    let (_new, consumer) = mailer(&rig, 2).await;
    let mut news = consumer.messages().await.unwrap();
    assert!(timeout(SILENCE, news.next()).await.is_err(), "the other one has it");
    drop((olds, consumer));
    old.drain().await.unwrap();
    let again = next(&mut news).await;
    assert_eq!((again.payload.as_ref(), again.info().unwrap().delivered), (&b"1"[..], 2));
}

/// The messages that are pushed to a run of the instance in the slot `mailer/1`, which shares them with other runs there.
async fn pushed(rig: &Rig, run: u64, ack_wait: Duration) -> (async_nats::Client, push::Messages) {
    let instance = InstanceId { slot: "mailer/1".parse().unwrap(), run };
    let client = rig.client_of("mailer/1", instance).await;
    let stream = jetstream::new(client.clone()).get_stream("orders_placed").await.unwrap();
    let config = push::Config {
        durable_name: Some("mailer-push".into()),
        deliver_subject: inbox("mailer"),
        deliver_group: Some("mailer".into()),
        ack_wait,
        ..push::Config::default()
    };
    let consumer = stream.get_or_create_consumer("mailer-push", config).await.unwrap();
    (client, consumer.messages().await.unwrap())
}

async fn next_pushed(messages: &mut push::Messages) -> jetstream::Message {
    timeout(PATIENCE, messages.next()).await.expect("in time").unwrap().unwrap()
}

/// As with pull consumers, and the other members of its queue group go on.
#[tokio::test]
async fn a_drained_instance_is_pushed_nothing_new() {
    let rig = Rig::start().await;
    let orders = rig.context("orders/1").await;
    let (old, mut olds) = pushed(&rig, 1, PATIENCE).await;
    publish(&orders, "1").await;
    let first = next_pushed(&mut olds).await;
    let (server, instance) = (rig.server.clone(), "mailer/1#1".parse().unwrap());
    let mut drain = std::pin::pin!(server.drain(&instance, LIMIT));
    assert!(timeout(SILENCE, &mut drain).await.is_err(), "a message is not acknowledged");
    publish(&orders, "2").await;
    assert!(timeout(SILENCE, olds.next()).await.is_err(), "nobody else is there, and it gets nothing new");
    let (_new, mut news) = pushed(&rig, 2, PATIENCE).await;
    for order in ["2", "3", "4", "5", "6"] {
        let message = next_pushed(&mut news).await;
        assert_eq!((message.payload.as_ref(), message.info().unwrap().delivered), (order.as_bytes(), 1));
        message.double_ack().await.unwrap();
        publish(&orders, ["3", "4", "5", "6", "7"][order.parse::<usize>().unwrap() - 2]).await;
    }
    first.double_ack().await.unwrap();
    timeout(PATIENCE, &mut drain).await.expect("all is acknowledged");
    assert!(timeout(SILENCE, olds.next()).await.is_err(), "it gets nothing new");
    old.drain().await.unwrap();
}

/// What was pushed to an instance comes to others at once when its connection ends, and only that.
#[tokio::test]
async fn what_was_pushed_to_a_lost_instance_comes_again_at_once() {
    let rig = Rig::start().await;
    let orders = rig.context("orders/1").await;
    let (old, mut olds) = pushed(&rig, 1, PATIENCE).await;
    let (_new, mut news) = pushed(&rig, 2, PATIENCE).await;
    let all = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "10"];
    for order in all {
        publish(&orders, order).await;
    }
    let (mut had, mut other) = (Vec::new(), Vec::new());
    while had.len() + other.len() < all.len() {
        tokio::select! {
            message = next_pushed(&mut olds) => had.push(message.info().unwrap().stream_sequence),
            message = next_pushed(&mut news) => other.push(message),
        }
    }
    assert!(!had.is_empty() && !other.is_empty(), "both have some");
    drop(olds);
    old.drain().await.unwrap();
    let mut again = Vec::new();
    for _ in &had {
        let message = next_pushed(&mut news).await;
        again.push((message.info().unwrap().stream_sequence, message.info().unwrap().delivered));
    }
    assert_eq!(again, had.into_iter().map(|sequence| (sequence, 2)).collect::<Vec<_>>());
    assert!(timeout(SILENCE, news.next()).await.is_err(), "what it has itself does not come again");
}

/// A program that never acknowledges is awaited until its messages go to others, `ack_wait`, not for the whole time of the drain.
#[tokio::test]
async fn a_drain_waits_no_longer_than_for_acknowledgements() {
    const ACK_WAIT: Duration = Duration::from_millis(700);
    let rig = Rig::start().await;
    let orders = rig.context("orders/1").await;
    let (_client, mut pushed) = pushed(&rig, 1, ACK_WAIT).await;
    let pulling = InstanceId { slot: "mailer/1".parse().unwrap(), run: 2 };
    let puller = rig.client_of("mailer/1", pulling).await;
    let stream = jetstream::new(puller.clone()).get_stream("orders_placed").await.unwrap();
    let config = pull::Config { durable_name: Some("mailer".into()), ack_wait: ACK_WAIT, ..pull::Config::default() };
    let mut pulled = stream.create_consumer(config).await.unwrap().messages().await.unwrap();
    publish(&orders, "1").await;
    let _never = (next_pushed(&mut pushed).await, next(&mut pulled).await);
    for run in 1..=2 {
        let instance = InstanceId { slot: "mailer/1".parse().unwrap(), run };
        timeout(PATIENCE, rig.server.drain(&instance, LIMIT)).await.expect("it waits for `ack_wait` only");
    }
}
