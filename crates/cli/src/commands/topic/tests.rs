//! What is rendered of topics, by exact expectation.

use model::api::{Message, TopicStatus};
use serde_json::{Value, json};

use super::{dead, info, ls, summary, tail};
use crate::{
    fixture::{NOW, consumer, from, topic},
    paint::Paint,
    table,
};

const PLAIN: Paint = Paint { on: false };

fn busy() -> Value {
    topic(
        "orders.placed",
        json!({
            "messages": 1204, "bytes": 318_800, "first_sequence": 3, "last_sequence": 1206, "first_at": 8_000_000,
            "last_at": 196_800_000, "dead": 3, "consumers": [
                consumer("mailer", json!({ "delivered_sequence": 1206, "unacknowledged": 2, "redelivered": 1, "dead": 3 })),
                consumer("stats", json!({ "delivered_sequence": 1186, "pending": 20, "paused": true })),
                { "name": "x7", "durable": false, "delivered_sequence": 5, "pending": 1, "unacknowledged": 0, "redelivered": 0,
                  "paused": false, "dead": 0 },
            ],
        }),
    )
}

#[test]
fn topics() {
    let topics: Vec<TopicStatus> = from(json!([busy(), topic("stock.low", json!({}))]));
    let expected = "\
TOPIC          MESSAGES  SIZE      LAST      CONSUMERS  BEHIND  DEAD
orders.placed  1204      311.3KiB  3.2s ago  3          20      3
stock.low      0         0B        -         0          0       0
";
    assert_eq!(ls::render(&topics, NOW, PLAIN), expected);
}

#[test]
fn one_topic() {
    let expected = "\
topic        orders.placed, the stream orders_placed
messages     1204, 311.3KiB, sequences 3 to 1206
published    last 3.2s ago, the oldest kept 3m12s ago
kept         for 7d, at most 1GiB
durability   always
publishers   orders
subscribers  mailer, stats
dead         3: see `isles topic dead ls orders.placed`

CONSUMER  SERVICE  DELIVERED  BEHIND  UNACKNOWLEDGED  REDELIVERED  DEAD  STATE
mailer    mailer   1206       0       2               1            3     durable
stats     stats    1186       20      0               0            0     paused
x7        -        5          1       0               0            0     ephemeral
";
    assert_eq!(info::render(&from(busy()), NOW, PLAIN), expected);
    let gone = json!({
        "retention": "workqueue", "last_sequence": 7, "last_at": 199_000_000, "messages_max": 10,
        "durability": "interval:10ms",
    });
    let expected = "\
topic        stock.low, the stream stock_low
messages     none
published    last 1.0s ago
kept         until a consumer has acknowledged, for 7d, at most 1GiB, at most 10 messages
durability   interval:10ms
publishers   orders
subscribers  mailer, stats

no consumers yet: a subscriber makes its own when it runs
";
    assert_eq!(info::render(&from(topic("stock.low", gone)), NOW, PLAIN), expected);
    assert!(info::render(&from(topic("stock.low", json!({}))), NOW, PLAIN).contains("published    nothing yet\n"));
}

#[test]
fn in_one_line() {
    let line = |topics: Value| {
        let topics: Vec<TopicStatus> = from(topics);
        summary::cell(&topics).map(|cell| table::render_rows(vec![vec![cell]], None, PLAIN))
    };
    for (topics, expected) in [
        (json!([]), None),
        (json!([topic("a", json!({}))]), Some("1 topic, 0 messages\n")),
        (
            json!([busy(), topic("a", json!({ "messages": 2 }))]),
            Some(
                "2 topics, 1206 messages; stats is 20 behind in orders.placed; x7 is 1 behind in orders.placed; \
                 3 dead letters: see `isles topic dead ls`\n",
            ),
        ),
    ] {
        assert_eq!(line(topics).as_deref(), expected);
    }
}

#[test]
fn messages() {
    let message = |payload: Value| -> Message {
        from(json!({ "sequence": 7, "at": 150_000_000, "headers": [["trace", "a\u{1b}[2Jb"]], "payload": payload }))
    };
    for (payload, headers, expected) in [
        (json!("{\n  \"a\": 1\n}"), false, "7  1970-01-01T00:02:30.000Z  {   \"a\": 1 }\n"),
        (json!("\u{1b}[31mred"), true, "7  1970-01-01T00:02:30.000Z  red\n    trace: ab\n"),
        (json!({ "base64": "/wA=" }), false, "7  1970-01-01T00:02:30.000Z  (2 bytes, no text)\n"),
    ] {
        assert_eq!(tail::render(&message(payload), headers, PLAIN), expected);
    }
}

#[test]
fn dead_letters() {
    let letter = json!({
        "id": "mailer/3", "sequence": 1180, "deliveries": 5, "stored_at": 8_000_000,
        "first_delivered_at": 20_000_000, "delivered_at": 195_000_000,
        "reason": "max-deliveries", "payload": "{\"order\": 7}",
    });
    let topic = "orders.placed".parse().unwrap();
    let letter = dead::Letter { topic: &topic, letter: from(letter) };
    let expected = "\
TOPIC          ID        SEQUENCE  PUBLISHED  TRIES  FIRST TRY  LAST TRY  WHY             MESSAGE
orders.placed  mailer/3  1180      3m12s ago  5      3m0s ago   5.0s ago  max-deliveries  {\"order\": 7}
";
    assert_eq!(table::render(&dead::HEAD, vec![dead::row(&letter, NOW)], None, PLAIN), expected);
    let json = serde_json::to_value(&letter).unwrap();
    assert_eq!((&json["topic"], &json["id"]), (&json!("orders.placed"), &json!("mailer/3")));
}
