//! Messages as a client takes them, by the protocol alone.

use futures_util::StreamExt;
use model::streams::ConsumerConfig;
use serde_json::{Value, json};
use streams::jetstream::AckSubject;

/// Makes a pull consumer if it is not there, and takes what there is without acknowledging it. Returns the sequences.
pub(crate) async fn take(client: &async_nats::Client, stream: &str, config: &ConsumerConfig, max: usize) -> Vec<u64> {
    let name = &config.durable_name;
    let info = client.request(format!("$JS.API.CONSUMER.INFO.{stream}.{name}"), "".into()).await.expect("an answer");
    if serde_json::from_slice::<Value>(&info.payload).expect("JSON").get("error").is_some() {
        let body = json!({"stream_name": stream, "config": config}).to_string();
        let subject = format!("$JS.API.CONSUMER.DURABLE.CREATE.{stream}.{name}");
        let made = client.request(subject, body.into()).await.expect("an answer");
        let made: Value = serde_json::from_slice(&made.payload).expect("JSON");
        assert_eq!(made.get("error"), None, "{config:?}");
    }
    let inbox = client.new_inbox();
    let mut messages = client.subscribe(inbox.clone()).await.expect("it is subscribed to");
    let pull = json!({"batch": max, "no_wait": true}).to_string();
    let subject = format!("$JS.API.CONSUMER.MSG.NEXT.{stream}.{name}");
    client.publish_with_reply(subject, inbox, pull.into()).await.expect("it is sent");
    let mut taken = Vec::new();
    while taken.len() < max
        && let Some(message) = messages.next().await
        && let Some(reply) = message.reply
    {
        taken.push(AckSubject::parse(&reply).expect("a delivery").delivery.stream_seq);
    }
    taken
}
