//! Push consumers, ordered ones, and what is built of them.

use async_nats::jetstream::{
    consumer::{AckPolicy, DeliverPolicy, push},
    kv, object_store,
};
use futures_util::{StreamExt, TryStreamExt};
use tokio::io::AsyncReadExt;

use crate::rig::{Rig, stream, told};

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_pushed_while_somebody_listens() {
    let rig = Rig::start().await;
    let config = push::Config {
        durable_name: Some("c".into()),
        deliver_subject: "to".into(),
        ack_policy: AckPolicy::Explicit,
        flow_control: true,
        idle_heartbeat: std::time::Duration::from_millis(200),
        ..push::Config::default()
    };
    let kept = rig.stream(stream("s")).await;
    let consumer = kept.create_consumer(config).await.unwrap();
    rig.publish("s", 1..=200).await;
    let mut messages = consumer.messages().await.unwrap();
    for number in 1..=200 {
        let message = messages.next().await.unwrap().unwrap();
        assert_eq!(told(std::slice::from_ref(&message)), number.to_string());
        message.double_ack().await.unwrap();
    }
    let info = kept.consumer_info("c").await.unwrap();
    assert!(info.push_bound && info.num_ack_pending == 0 && info.ack_floor.stream_sequence == 200);
    drop(messages);
    while kept.consumer_info("c").await.unwrap().push_bound {
        tokio::task::yield_now().await;
    }
    rig.publish("s", 201..=201).await;
    assert_eq!(kept.consumer_info("c").await.unwrap().num_pending, 1, "nobody listens");
}

/// 64 KiB may be on the way at first, so that this takes many answers to flow control.
#[tokio::test(flavor = "multi_thread")]
async fn an_ordered_consumer_gets_everything_in_order() {
    let rig = Rig::start().await;
    let kept = rig.stream(stream("s")).await;
    for number in 0..2_000_u32 {
        let payload = [number.to_be_bytes().to_vec(), vec![0; 1_000]].concat();
        drop(rig.js.publish("s.x", payload.into()).await.unwrap());
    }
    let config = push::OrderedConfig { deliver_subject: rig.client.new_inbox(), ..push::OrderedConfig::default() };
    let mut messages = kept.create_consumer(config).await.unwrap().messages().await.unwrap();
    for number in 0..2_000_u32 {
        let message = messages.next().await.unwrap().unwrap();
        assert_eq!(message.payload[..4], number.to_be_bytes());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_is_watched_and_an_object_is_read() {
    let rig = Rig::start().await;
    let config = kv::Config { bucket: "b".into(), history: 3, ..kv::Config::default() };
    let bucket = rig.js.create_key_value(config).await.unwrap();
    for (key, value) in [("a", "1"), ("b", "2"), ("a", "3")] {
        bucket.put(key, value.into()).await.unwrap();
    }
    let mut watch = bucket.watch_with_history(">").await.unwrap();
    for (key, value, delta) in [("b", "2", 1), ("a", "3", 0)] {
        let entry = watch.next().await.unwrap().unwrap();
        assert_eq!((&*entry.key, &*entry.value, entry.delta), (key, value.as_bytes(), delta));
    }
    let mut keys: Vec<String> = bucket.keys().await.unwrap().try_collect().await.unwrap();
    keys.sort();
    assert_eq!(keys, ["a", "b"]);
    let config = object_store::Config { bucket: "o".into(), ..object_store::Config::default() };
    let objects = rig.js.create_object_store(config).await.unwrap();
    let content: Vec<u8> = (0..600_000_u32).map(|i| i.to_le_bytes()[0]).collect();
    objects.put("x", &mut content.as_slice()).await.unwrap();
    let mut read = Vec::new();
    objects.get("x").await.unwrap().read_to_end(&mut read).await.unwrap();
    assert!(read == content);
}

/// What is deleted while it is waited for says so.
#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_starts_where_it_is_told_to() {
    let rig = Rig::start().await;
    let kept = rig.stream(stream("s")).await;
    rig.publish("s", 1..=5).await;
    for (deliver_policy, first, pending) in [
        (DeliverPolicy::All, "1", 4),
        (DeliverPolicy::Last, "5", 0),
        (DeliverPolicy::ByStartSequence { start_sequence: 3 }, "3", 2),
    ] {
        let deliver_subject = rig.client.new_inbox();
        let config = push::Config { deliver_subject, deliver_policy, ..push::Config::default() };
        let mut messages = kept.create_consumer(config).await.unwrap().messages().await.unwrap();
        let message = messages.next().await.unwrap().unwrap();
        assert_eq!(
            (message.info().unwrap().pending, told(&[message]).as_str()),
            (pending, first),
            "{deliver_policy:?}"
        );
    }
}
