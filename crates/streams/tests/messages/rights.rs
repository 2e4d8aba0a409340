//! What a service may not do, and what belongs to others.

use std::time::Duration;

use async_nats::jetstream::{
    self,
    consumer::{pull, push},
};
use futures_util::{StreamExt, TryStreamExt};
use model::Asked;
use ports::messages::Messages;
use tokio::time::timeout;

use crate::rig::{PATIENCE, Rig, SILENCE, bucket};

#[tokio::test]
async fn what_a_service_has_no_right_to_is_refused() {
    let rig = Rig::start().await;
    let (mut orders, mut mailer) = (rig.suspect("orders/1").await, rig.suspect("mailer/1").await);
    let (publisher, subscriber) = (orders.context.clone(), mailer.context.clone());
    let (own, placed) = (publisher.get_stream("orders_placed").await, subscriber.get_stream("orders_placed").await);
    let (own, placed) = (own.expect("the publisher knows the stream"), placed.unwrap());
    let durable = |name: &str| pull::Config { durable_name: Some(name.into()), ..pull::Config::default() };
    placed.create_consumer(durable("mailer-1")).await.unwrap();
    let audit = rig.context("audit/1").await.get_stream("orders_placed").await.unwrap();
    audit.create_consumer(durable("audit-1")).await.unwrap();

    let publish = async |context: &jetstream::Context, subject: &'static str| {
        context.publish(subject, "x".into()).await.unwrap().await
    };
    mailer.fails(publish(&subscriber, "orders.placed"), "orders.placed").await;
    orders.fails(publish(&publisher, "orders.other"), "orders.other").await;
    orders.fails(publish(&publisher, "$KV.sent.a"), "$KV.sent.a").await;
    let api = |request: &str| format!("$JS.API.{request}");
    mailer.fails(subscriber.get_stream("orders_cancelled"), &api("STREAM.INFO.orders_cancelled")).await;
    orders.fails(own.create_consumer(durable("orders-1")), &api("CONSUMER.CREATE.orders_placed.orders-1")).await;
    mailer.fails(placed.create_consumer(durable("other")), &api("CONSUMER.CREATE.orders_placed.other")).await;
    mailer.fails(placed.create_consumer(durable("audit-2")), &api("CONSUMER.CREATE.orders_placed.audit-2")).await;
    mailer.fails(placed.delete_consumer("audit-1"), &api("CONSUMER.DELETE.orders_placed.audit-1")).await;
    mailer.fails(async { placed.purge().await }, &api("STREAM.PURGE.orders_placed")).await;
    mailer.fails(placed.delete_message(1), &api("STREAM.MSG.DELETE.orders_placed")).await;
    mailer.fails(subscriber.delete_stream("orders_cancelled"), &api("STREAM.DELETE.orders_cancelled")).await;
    mailer.fails(subscriber.create_stream("mine"), &api("STREAM.CREATE.mine")).await;
    orders.fails(publisher.get_key_value("sent"), &api("STREAM.INFO.KV_sent")).await;
    orders.fails(publisher.create_key_value(bucket("own")), &api("STREAM.CREATE.KV_own")).await;
    orders.fails(publisher.delete_key_value("sent"), &api("STREAM.DELETE.KV_sent")).await;
    assert!(placed.delete_consumer("mailer-1").await.is_ok(), "its own consumer");
    // Nothing of all that had an effect.
    audit.consumer_info("audit-1").await.unwrap();
    let stream = rig.context("audit/1").await.get_stream("orders_placed").await.unwrap();
    let state = &stream.cached_info().state;
    assert_eq!((state.messages, state.last_sequence, state.consumer_count), (0, 0, 1));
    // And all of it is counted.
    let _denied = orders.client.subscribe("orders.placed").await.unwrap();
    orders.client.publish("orders.other", "x".into()).await.unwrap();
    orders.client.publish_with_reply("orders.placed", "nobodys", "x".into()).await.unwrap();
    publisher.get_stream("orders_placed").await.expect("it is answered after all that");
    let denials = rig.server.denials();
    let times = |service: &str, asked, subject: &str| {
        let mut of = denials.iter().filter(|denial| denial.service.as_str() == service && denial.asked == asked);
        of.find(|denial| denial.subject.as_deref() == Some(subject)).map(|denial| denial.times)
    };
    for (service, asked, subject, expected) in [
        ("orders", Asked::Publish, "orders.other", Some(2)),
        ("orders", Asked::Subscribe, "orders.placed", Some(1)),
        ("orders", Asked::Answer, "nobodys", Some(1)),
        ("mailer", Asked::Publish, "$JS.API.STREAM.CREATE.mine", Some(1)),
        ("audit", Asked::Publish, "orders.other", None),
    ] {
        assert_eq!(times(service, asked, subject), expected, "{service} {asked:?} {subject}");
    }
    for slot in ["orders/1", "mailer/1"] {
        rig.server.dismiss(&slot.parse().unwrap());
    }
    assert_eq!(rig.server.denials(), [], "nothing is kept of services that are gone");
}

/// Those that have to do with a stream are told the reason; to others it is as if there were none.
#[tokio::test]
async fn the_streams_of_a_service_stay_as_the_manifest_says() {
    let rig = Rig::start().await;
    let (orders, mailer) = (rig.client("orders/1").await, rig.client("mailer/1").await);
    let ask = async |client: &async_nats::Client, request: &str, body: &str| {
        let subject = format!("$JS.API.STREAM.{request}");
        let asked = client.request(subject, body.to_owned().into());
        let answer = timeout(PATIENCE, asked).await.expect("in time").unwrap();
        let answer: serde_json::Value = serde_json::from_slice(&answer.payload).unwrap();
        (answer["config"]["name"].as_str().map(str::to_owned), answer["error"]["err_code"].as_u64())
    };
    let sent = r#""name":"KV_sent","subjects":["$KV.sent.>"],"max_msgs_per_subject":1,"allow_rollup_hdrs":true,"deny_delete":true,"discard":"new""#;
    let placed = r#""name":"orders_placed","subjects":["orders.placed"],"max_msgs":1"#;
    for (client, request, body, expected) in [
        (&mailer, "UPDATE.KV_sent", format!("{{{sent}}}"), (Some("KV_sent"), None)),
        (&mailer, "UPDATE.KV_sent", format!(r#"{{{sent},"placement":{{"cluster":""}}}}"#), (Some("KV_sent"), None)),
        (&mailer, "UPDATE.KV_sent", format!(r#"{{{sent},"max_bytes":1000}}"#), (None, Some(10052))),
        (&mailer, "DELETE.KV_sent", String::new(), (None, Some(10052))),
        (&orders, "UPDATE.orders_placed", format!("{{{placed}}}"), (None, Some(10052))),
        (&orders, "CREATE.orders_placed", format!("{{{placed}}}"), (None, Some(10058))),
        (&mailer, "DELETE.orders_placed", String::new(), (None, Some(10052))),
    ] {
        let (name, code) = ask(client, request, &body).await;
        assert_eq!((name.as_deref(), code), expected, "{request} {body}");
    }
    let state = jetstream::new(orders).get_stream("orders_placed").await.unwrap().cached_info().config.clone();
    assert_eq!(state.max_messages, -1, "nothing of that had an effect");
}

/// Its name tells nothing, so it is kept with the consumer whose it is.
#[tokio::test]
async fn an_ephemeral_consumer_is_of_the_service_that_made_it() {
    let mut rig = Rig::start().await;
    let orders = rig.context("orders/1").await;
    for order in ["1", "2"] {
        orders.publish("orders.placed", order.into()).await.unwrap().await.unwrap();
    }
    let ephemeral = pull::Config {
        name: Some("x7".into()),
        inactive_threshold: Duration::from_secs(600),
        ..pull::Config::default()
    };
    for order in ["1", "2"] {
        let mut audit = rig.suspect("audit/1").await;
        let stream = rig.context("mailer/2").await.get_stream("orders_placed").await.unwrap();
        let consumer = stream.create_consumer(ephemeral.clone()).await.unwrap();
        let mut messages = consumer.fetch().max_messages(1).messages().await.unwrap();
        let message = messages.try_next().await.unwrap().unwrap();
        assert_eq!(message.payload, order);
        let acknowledgement = message.reply.as_ref().unwrap().to_string();
        for (subject, body) in [
            ("$JS.API.CONSUMER.INFO.orders_placed.x7", ""),
            ("$JS.API.CONSUMER.MSG.NEXT.orders_placed.x7", ""),
            ("$JS.API.CONSUMER.PAUSE.orders_placed.x7", r#"{"pause_until":"2100-01-01T00:00:00Z"}"#),
            ("$JS.API.CONSUMER.DELETE.orders_placed.x7", ""),
            ("$JS.API.CONSUMER.CREATE.orders_placed.x7", r#"{"stream_name":"orders_placed","config":{"name":"x7"}}"#),
            ("$JS.API.CONSUMER.NAMES.orders_placed", ""),
            ("$JS.API.CONSUMER.LIST.orders_placed", ""),
            ("$JS.FC.orders_placed.x7.1", ""),
            (&acknowledgement, ""),
        ] {
            audit.client.publish(subject.to_owned(), body.to_owned().into()).await.unwrap();
            audit.is_refused(subject).await;
        }
        let info = stream.consumer_info("x7").await.unwrap();
        assert_eq!((info.num_ack_pending, info.paused), (1, false));
        message.double_ack().await.unwrap();
        // Whose it is outlives the server.
        rig.restart().await;
    }
}

/// While two releases run, also for who connects again; and once a slot is another one's, for who connects then.
#[tokio::test]
async fn an_instance_has_the_rights_of_its_own_release() {
    let mut rig = Rig::start().await;
    rig.release("orders/2", 2, &["orders.returned"]).await;
    let publish = async |context: &jetstream::Context, subject: &'static str| {
        context.publish(subject, "x".into()).await.unwrap().await
    };
    for _ in 0..2 {
        let (mut old, mut new) = (rig.suspect("orders/1").await, rig.suspect("orders/2").await);
        let (one, two) = (old.context.clone(), new.context.clone());
        publish(&one, "orders.placed").await.unwrap();
        publish(&two, "orders.returned").await.unwrap();
        old.fails(publish(&one, "orders.returned"), "orders.returned").await;
        new.fails(publish(&two, "orders.placed"), "orders.placed").await;
    }
    let open = rig.context("orders/1").await;
    rig.release("orders/1", 2, &["orders.returned"]).await;
    let mut next = rig.suspect("orders/1").await;
    let context = next.context.clone();
    next.fails(publish(&context, "orders.placed"), "orders.placed").await;
    publish(&context, "orders.returned").await.unwrap();
    publish(&open, "orders.placed").await.unwrap();
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
