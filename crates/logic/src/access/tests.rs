//! The rights of a few services, a row for each operation.

use model::spec::{Service, Topic};

use super::*;
use crate::service_spec;

/// `orders` publishes, `mailer` subscribes and owns, `mailer-old` has a name that begins like its.
fn system() -> System {
    let mut system = service_spec::system(&[("orders", &[]), ("mailer", &[]), ("mailer-old", &[])]);
    for name in ["orders.placed", "orders.cancelled"] {
        system.topics.insert(topic(name), Topic::default());
    }
    let mut change = |name: &str, change: &dyn Fn(&mut Service)| {
        change(system.services.get_mut(&name.parse::<ServiceName>().unwrap()).unwrap());
    };
    change("orders", &|orders| orders.publishes = [topic("orders.placed"), topic("orders.cancelled")].into());
    change("mailer", &|mailer| {
        mailer.subscribes = [topic("orders.placed")].into();
        mailer.buckets = ["sent".parse().unwrap()].into();
        mailer.objects = ["mails".parse().unwrap()].into();
    });
    system
}

fn topic(name: &str) -> TopicName {
    name.parse().unwrap()
}

fn wish<'a>(stream: &'a str, name: &'a str, durable: bool, filters: &[&'a str]) -> ConsumerWish<'a> {
    ConsumerWish { stream, name, durable, filters: filters.into(), deliver: None }
}

fn pushed<'a>(stream: &'a str, deliver: &'a str) -> Operation<'a> {
    Operation::ConsumerCreate(ConsumerWish { deliver: Some(deliver), ..wish(stream, "", false, &[]) })
}

fn used<'a>(stream: &'a str, consumer: &'a str) -> Operation<'a> {
    Operation::ConsumerUse { stream, consumer }
}

#[test]
fn operations() {
    use Operation::*;
    let system = Arc::new(system());
    let [orders, mailer, other] =
        ["orders", "mailer", "mailer-old"].map(|name| Access::new(&system, &name.parse().unwrap()));
    let (placed, kv, obj) = ("orders_placed", "KV_sent", "OBJ_mails");
    let created =
        |stream, name, durable, filters: &[&'static str]| ConsumerCreate(wish(stream, name, durable, filters));
    for (operation, expected) in [
        // Messages: the publisher of the topic, the owner of the bucket.
        (Publish("orders.placed"), [true, false, false]),
        (Publish("orders.placed.x"), [false; 3]),
        (Publish("orders.other"), [false; 3]),
        (Publish("$KV.sent.a.b"), [false, true, false]),
        (Publish("$KV.sent"), [false; 3]),
        (Publish("$KV.other.a"), [false; 3]),
        (Publish("$O.mails.C.x"), [false, true, false]),
        (Publish("$O.mails.M.x"), [false, true, false]),
        (Publish("_INBOX.a"), [false; 3]),
        (Publish("_ISLES.1"), [false; 3]),
        (Publish("anything"), [false; 3]),
        // Streams.
        (AccountInfo, [true; 3]),
        (FindStreams("orders.placed"), [true, true, false]),
        (FindStreams("orders.*"), [false; 3]),
        (FindStreams("$KV.sent.>"), [false, true, false]),
        (FindStreams(""), [false; 3]),
        (StreamInfo(placed), [true, true, false]),
        (StreamInfo("orders_cancelled"), [true, false, false]),
        (StreamInfo(kv), [false, true, false]),
        (StreamInfo("none"), [false; 3]),
        (StreamAsIs(placed), [true, true, false]),
        (StreamAsIs(kv), [false, true, false]),
        (StreamAsIs(obj), [false, true, false]),
        (StreamAsIs("mine"), [false; 3]),
        (Purge(placed), [false; 3]),
        (Purge(kv), [false, true, false]),
        (Purge(obj), [false, true, false]),
        (MessageGet(placed), [false, true, false]),
        (MessageGet(kv), [false, true, false]),
        (MessageDelete(placed), [false; 3]),
        (MessageDelete(obj), [false, true, false]),
        // Consumers of a topic: of those that subscribe, and their own.
        (created(placed, "mailer-1", true, &[]), [false, true, false]),
        (created(placed, "mailer", true, &["orders.placed"]), [false, true, false]),
        (created(placed, "mailer-1", false, &[]), [false, true, false]),
        (created(placed, "x7", false, &[]), [false, true, false]),
        (created(placed, "", false, &[]), [false, true, false]),
        (created(placed, "x7", true, &[]), [false; 3]),
        (created(placed, "mailerx", true, &[]), [false; 3]),
        (created(placed, "mailer-old", true, &[]), [false; 3]),
        (created(placed, "mailer-old-1", false, &[]), [false; 3]),
        (created(placed, "orders-1", false, &[]), [false; 3]),
        (created(placed, "mailer-1", true, &["orders.*"]), [false; 3]),
        (created(placed, "mailer-1", true, &["orders.placed", "orders.cancelled"]), [false; 3]),
        (created("orders_cancelled", "mailer-1", true, &[]), [false; 3]),
        (pushed(placed, "_INBOX.a.b"), [false, true, false]),
        (pushed(placed, "orders.placed"), [false; 3]),
        (pushed(placed, "$KV.sent.a"), [false; 3]),
        (used(placed, "mailer-1"), [false, true, false]),
        (used(placed, "x7"), [false, true, false]),
        (used(placed, "mailer-old-1"), [false; 3]),
        (used(placed, "orders"), [false; 3]),
        (used("orders_cancelled", "mailer-1"), [false; 3]),
        (ConsumerList(placed), [false; 3]),
        // Of a bucket: all.
        (created(kv, "orders-1", true, &["$KV.sent.a"]), [false, true, false]),
        (created(kv, "x", false, &["$KV.other.a"]), [false; 3]),
        (used(kv, "anything"), [false, true, false]),
        (ConsumerList(kv), [false, true, false]),
    ] {
        assert_eq!([&orders, &mailer, &other].map(|access| access.allows(&operation)), expected, "{operation:?}");
    }
}

#[test]
fn subscriptions() {
    use crate::subject::SubscribeVerdict::{Allowed, Denied};
    let system = Arc::new(system());
    let may = |service: &str, filter: &str| {
        Access::new(&system, &service.parse().unwrap()).permissions().may_subscribe(filter.as_bytes())
    };
    for (filter, orders, mailer) in [
        ("_INBOX.a.*", Allowed, Allowed),
        ("_INBOX.>", Allowed, Allowed),
        ("orders.placed", Denied, Allowed),
        ("orders.*", Denied, Denied),
        ("orders.cancelled", Denied, Denied),
        ("$KV.sent.>", Denied, Allowed),
        ("$KV.>", Denied, Denied),
        ("$JS.API.>", Denied, Denied),
        (">", Denied, Denied),
        ("*.>", Denied, Denied),
    ] {
        assert_eq!((may("orders", filter), may("mailer", filter)), (orders, mailer), "{filter}");
    }
}

#[test]
fn a_consumer_is_of_the_service_that_made_it() {
    let name = |name: &str| name.parse::<ServiceName>().unwrap();
    for (consumer, creator, expected) in [
        ("x7", Some("mailer"), true),
        ("x7", Some("orders"), false),
        ("x7", None, false),
        ("mailer", Some("mailer"), true),
        ("mailer", None, true),
        ("mailer-1", None, true),
        ("mailer-1", Some("orders"), false),
        ("mailerx", None, false),
    ] {
        let creator = creator.map(name);
        assert_eq!(is_own(consumer, creator.as_ref(), &name("mailer")), expected, "{consumer} {creator:?}");
    }
}
