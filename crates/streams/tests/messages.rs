//! The server of messages as services see it: through the client that Rust programs use, each at an address of its own.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{sync::Arc, time::Duration};

use async_nats::jetstream::{
    self, Context,
    consumer::{self, DeliverPolicy, pull, push},
    kv, object_store,
};
use futures_util::{StreamExt, TryStreamExt};
use model::{
    InstanceId, Slot,
    spec::{Bucket, Service, System, Topic},
    streams::Redelivery,
};
use ports::{clock::HostClock, messages::Messages};
use streams::{Buckets, MessageServer};
use tokio::{io::AsyncReadExt, net::TcpListener, time::timeout};

/// How long an answer may take that must not come.
const SILENCE: Duration = Duration::from_millis(300);
/// How long one may take that must come: less than `ack_wait`.
const PATIENCE: Duration = Duration::from_secs(20);

/// `orders` publishes, `mailer` subscribes and owns a bucket and an object store, `audit` subscribes.
fn system() -> System {
    let topics = |names: &[&str]| names.iter().map(|name| name.parse().unwrap()).collect();
    let orders = Service { publishes: topics(&["orders.placed", "orders.cancelled"]), ..Service::new("x") };
    let mailer = Service {
        subscribes: topics(&["orders.placed"]),
        buckets: ["sent", "drafts"].map(|name| name.parse().unwrap()).into(),
        objects: ["mails".parse().unwrap()].into(),
        ..Service::new("x")
    };
    let audit = Service { subscribes: topics(&["orders.placed", "orders.cancelled"]), ..Service::new("x") };
    let redelivery = Redelivery { max_deliver: Some(2), ..Redelivery::default() };
    System {
        services: [("orders", orders), ("mailer", mailer), ("audit", audit)]
            .map(|(name, service)| (name.parse().unwrap(), service))
            .into(),
        topics: [("orders.placed", Topic { redelivery, ..Topic::default() }), ("orders.cancelled", Topic::default())]
            .map(|(name, topic)| (name.parse().unwrap(), topic))
            .into(),
        buckets: [("drafts".parse().unwrap(), Bucket { history: 5, ..Bucket::default() })].into(),
        ..System::new("shop".parse().unwrap())
    }
}

struct Rig {
    server: Arc<MessageServer>,
    _folder: tempfile::TempDir,
}

impl Rig {
    async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let buckets = Buckets::new(folder.path().into());
        let clock = Arc::new(HostClock::start());
        let server = MessageServer::start(&buckets, &system(), clock, 7).await.expect("it starts");
        for stream in system().streams() {
            server.topics().ensure(stream).await.expect("it is made");
        }
        Self { server, _folder: folder }
    }

    /// A client of the instance in a slot.
    async fn client(&self, slot: &str) -> async_nats::Client {
        self.client_of(slot, None).await
    }

    /// The same, of a known instance.
    async fn client_of(&self, slot: &str, instance: Option<InstanceId>) -> async_nats::Client {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (server, slot) = (self.server.clone(), slot.parse::<Slot>().expect("a slot"));
        let accepted = async move {
            let (socket, _) = listener.accept().await.expect("a client");
            server.serve(socket.into_std().expect("a socket"), &slot, instance).await;
        };
        let (client, ()) = tokio::join!(async_nats::connect(format!("nats://{address}")), accepted);
        client.expect("it is served")
    }

    async fn context(&self, slot: &str) -> Context {
        let mut context = jetstream::new(self.client(slot).await);
        context.set_timeout(SILENCE);
        context
    }
}

#[tokio::test]
async fn what_an_instance_publishes_tells_its_release_as_that_changes() {
    let rig = Rig::start().await;
    let slot = "orders/1".parse().unwrap();
    let orders = rig.context("orders/1").await;
    let publish = async || orders.publish("orders.placed", "{}".into()).await.unwrap().await.unwrap();
    publish().await;
    for release in [11, 12] {
        rig.server.release(&slot, Some(release));
        publish().await;
    }
    let stream = rig.context("audit/1").await.get_stream("orders_placed").await.unwrap();
    for (sequence, expected) in [(1, None), (2, Some("11")), (3, Some("12"))] {
        let stored = stream.get_raw_message(sequence).await.unwrap();
        assert_eq!(stored.headers.get("Isles-Release").map(|value| value.as_str()), expected, "{sequence}");
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
        let push = push::OrderedConfig { deliver_subject: rig_inbox(service), ..Default::default() };
        let pushed = stream.create_consumer(push).await.unwrap().messages().await.unwrap();
        assert_eq!(pushed.take(2).try_collect::<Vec<_>>().await.unwrap().len(), 2);
    }
}

fn rig_inbox(name: &str) -> String {
    format!("_INBOX.{name}.push")
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

#[tokio::test]
async fn what_a_service_has_no_right_to_is_refused() {
    let rig = Rig::start().await;
    let (orders, mailer) = (rig.context("orders/1").await, rig.context("mailer/1").await);
    let placed = mailer.get_stream("orders_placed").await.unwrap();
    let durable = |name: &str| pull::Config { durable_name: Some(name.into()), ..pull::Config::default() };
    placed.create_consumer(durable("mailer-1")).await.unwrap();
    let audit = rig.context("audit/1").await.get_stream("orders_placed").await.unwrap();
    audit.create_consumer(durable("audit-1")).await.unwrap();

    assert!(mailer.publish("orders.placed", "x".into()).await.unwrap().await.is_err(), "who subscribes publishes");
    assert!(orders.publish("orders.other", "x".into()).await.unwrap().await.is_err(), "an undeclared topic");
    assert!(orders.publish("$KV.sent.a", "x".into()).await.unwrap().await.is_err(), "a bucket of another");
    assert!(mailer.get_stream("orders_cancelled").await.is_err(), "a topic of others");
    assert!(orders.get_stream("orders_placed").await.is_ok(), "the publisher knows the stream");
    let own = orders.get_stream("orders_placed").await.unwrap();
    assert!(own.create_consumer(durable("orders-1")).await.is_err(), "who publishes reads");
    assert!(placed.create_consumer(durable("other")).await.is_err(), "a durable consumer under another name");
    assert!(placed.create_consumer(durable("audit-2")).await.is_err(), "a consumer in the name of another service");
    assert!(placed.delete_consumer("audit-1").await.is_err(), "a consumer of another service");
    assert!(placed.delete_consumer("mailer-1").await.is_ok(), "its own consumer");
    assert!(placed.purge().await.is_err(), "a topic is emptied");
    assert!(placed.delete_message(1).await.is_err(), "a message of a topic is deleted");
    assert!(mailer.delete_stream("orders_placed").await.is_err(), "a topic is deleted");
    assert!(mailer.create_stream("mine").await.is_err(), "a stream is made");
    assert!(orders.get_key_value("sent").await.is_err(), "a bucket of another is opened");
    assert!(orders.create_key_value(bucket("own")).await.is_err(), "a bucket that is not declared");
    assert!(mailer.delete_key_value("sent").await.is_err(), "a bucket is deleted");
    // Nothing of all that had an effect.
    audit.consumer_info("audit-1").await.unwrap();
    let stream = rig.context("audit/1").await.get_stream("orders_placed").await.unwrap();
    let state = &stream.cached_info().state;
    assert_eq!((state.messages, state.last_sequence, state.consumer_count), (0, 0, 1));
}

#[tokio::test]
async fn answers_and_deliveries_go_to_own_inboxes_only() {
    let rig = Rig::start().await;
    let (orders, mailer) = (rig.client("orders/1").await, rig.client("mailer/1").await);
    let mut all = mailer.subscribe("_INBOX.>").await.unwrap();
    mailer.flush().await.unwrap();
    let context = jetstream::new(orders.clone());
    context.publish("orders.placed", "x".into()).await.unwrap().await.unwrap();
    assert!(timeout(SILENCE, all.next()).await.is_err(), "the answer to another");
    // A reply subject that the caller does not subscribe to is refused, so that nothing is written there by the server.
    orders.publish_with_reply("orders.placed", "orders.cancelled", "x".into()).await.unwrap();
    orders.flush().await.unwrap();
    let stream = context.get_stream("orders_placed").await.unwrap();
    assert_eq!(stream.cached_info().state.messages, 1);
    let stream = jetstream::new(mailer).get_stream("orders_placed").await.unwrap();
    let into_bucket = push::Config { deliver_subject: "$KV.sent.a".into(), ..Default::default() };
    assert!(!timeout(SILENCE, stream.create_consumer(into_bucket)).await.is_ok_and(|made| made.is_ok()));
}

fn bucket(name: &str) -> kv::Config {
    kv::Config { bucket: name.into(), ..kv::Config::default() }
}

#[tokio::test]
async fn the_owner_of_a_bucket_does_with_it_what_clients_do() {
    let rig = Rig::start().await;
    let mailer = rig.context("mailer/2").await;
    let made = mailer.create_key_value(bucket("sent")).await.expect("one like it is there");
    let found = mailer.get_key_value("sent").await.unwrap();
    assert!(mailer.create_key_value(kv::Config { history: 5, ..bucket("sent") }).await.is_err(), "another history");
    mailer.create_key_value(kv::Config { history: 5, ..bucket("drafts") }).await.expect("the history that it has");
    let mut watch = found.watch_all().await.unwrap();
    let revision = made.create("a", "1".into()).await.unwrap();
    made.update("a", "2".into(), revision).await.unwrap();
    assert!(made.update("a", "3".into(), revision).await.is_err(), "an old revision");
    assert_eq!(found.get("a").await.unwrap().unwrap(), "2");
    for value in ["1", "2"] {
        assert_eq!(watch.next().await.unwrap().unwrap().value, value);
    }
    found.put("b", "3".into()).await.unwrap();
    let mut keys: Vec<_> = found.keys().await.unwrap().try_collect().await.unwrap();
    keys.sort();
    assert_eq!(keys, ["a", "b"]);
    found.delete("a").await.unwrap();
    assert_eq!(found.get("a").await.unwrap(), None);
    found.purge("b").await.unwrap();
    assert_eq!(found.history("b").await.unwrap().try_collect::<Vec<_>>().await.unwrap().len(), 1);
}

#[tokio::test]
async fn the_owner_of_an_object_store_does_with_it_what_clients_do() {
    let rig = Rig::start().await;
    let mailer = rig.context("mailer/1").await;
    let config = object_store::Config { bucket: "mails".into(), ..object_store::Config::default() };
    let made = mailer.create_object_store(config).await.expect("one like it is there");
    let content = vec![b'x'; 300_000];
    made.put("first", &mut content.as_slice()).await.unwrap();
    let found = mailer.get_object_store("mails").await.unwrap();
    let mut read = Vec::new();
    found.get("first").await.unwrap().read_to_end(&mut read).await.unwrap();
    assert_eq!(read.len(), content.len());
    let listed: Vec<_> = found.list().await.unwrap().try_collect().await.unwrap();
    assert_eq!(listed.iter().map(|object| object.name.as_str()).collect::<Vec<_>>(), ["first"]);
    found.delete("first").await.unwrap();
    assert!(found.get("first").await.is_err());
    assert!(rig.context("orders/1").await.get_object_store("mails").await.is_err(), "that of another");
}

/// The consumer `mailer` of `orders.placed`, as a run of the instance in the slot `mailer/1` sees it.
async fn mailer(rig: &Rig, run: u64) -> (async_nats::Client, consumer::PullConsumer) {
    let instance = InstanceId { slot: "mailer/1".parse().unwrap(), run };
    let client = rig.client_of("mailer/1", Some(instance)).await;
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
    let mut drain = std::pin::pin!(server.drain(&instance, PATIENCE));
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
    timeout(SILENCE, &mut drain).await.expect("all is acknowledged");
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
    let client = rig.client_of("mailer/1", Some(instance)).await;
    let stream = jetstream::new(client.clone()).get_stream("orders_placed").await.unwrap();
    let config = push::Config {
        durable_name: Some("mailer-push".into()),
        deliver_subject: rig_inbox("mailer"),
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
    let mut drain = std::pin::pin!(server.drain(&instance, PATIENCE));
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
    timeout(SILENCE, &mut drain).await.expect("all is acknowledged");
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
    let puller = rig.client_of("mailer/1", Some(pulling)).await;
    let stream = jetstream::new(puller.clone()).get_stream("orders_placed").await.unwrap();
    let config = pull::Config { durable_name: Some("mailer".into()), ack_wait: ACK_WAIT, ..pull::Config::default() };
    let mut pulled = stream.create_consumer(config).await.unwrap().messages().await.unwrap();
    publish(&orders, "1").await;
    let _never = (next_pushed(&mut pushed).await, next(&mut pulled).await);
    for run in 1..=2 {
        let begun = tokio::time::Instant::now();
        rig.server.drain(&InstanceId { slot: "mailer/1".parse().unwrap(), run }, PATIENCE).await;
        assert!(begun.elapsed() < ACK_WAIT + SILENCE, "{run}: {:?}", begun.elapsed());
    }
}
