//! What a client is told because it asked for it.

use super::World;
use crate::server::{Message, Outgoing, Service};

impl World {
    /// The subjects and payloads of metrics that an acknowledgement brings.
    fn metrics_of(&mut self, ack: &str) -> Vec<String> {
        let mut out = Outgoing::default();
        let message = Message { subject: ack.as_bytes(), reply: None, headers: b"", payload: b"+ACK" };
        self.engine.message(&message, None, &mut out);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        self.settle_all(&mut out);
        let metrics = out.messages.iter().filter(|(to, _)| to.starts_with(b"$JS.EVENT.METRIC."));
        metrics.map(|(to, message)| text(to) + " " + &text(message.payload)).collect()
    }
}

#[test]
fn a_share_of_the_acknowledgements_is_told_of() {
    for (share, expected) in [("100%", 400..=400), ("25", 50..=150), ("0%", 0..=0)] {
        let mut world = World::new();
        let config = format!(r#"{{"durable_name":"m","ack_policy":"explicit","sample_freq":"{share}"}}"#);
        let body = format!(r#"{{"stream_name":"s","config":{config}}}"#);
        let _ = world.say("$JS.API.CONSUMER.DURABLE.CREATE.s.m", &body);
        let mut told = Vec::new();
        for seq in 1..=400 {
            world.publish("x");
            let _ = world.say_for("inbox.pull", "$JS.API.CONSUMER.MSG.NEXT.s.m", r#"{"batch":1}"#);
            told.extend(world.metrics_of(&format!("$JS.ACK.s.m.1.{seq}.{seq}.0.0")));
        }
        assert!(expected.contains(&told.len()), "{} of {share}", told.len());
        let is_whole = |text: &String| {
            text.starts_with("$JS.EVENT.METRIC.CONSUMER.ACK.s.m ")
                && text.contains("io.nats.jetstream.metric.v1.consumer_ack")
        };
        assert!(told.iter().all(is_whole), "{told:?}");
    }
}

#[test]
fn who_is_pedantic_is_refused_what_would_be_changed() {
    let mut world = World::new();
    let mut answer = |subject: &str, body: &str| world.say(&format!("$JS.API.{subject}"), body).join("");
    let stream = r#"{"name":"p","subject_delete_marker_ttl":1000000000,"pedantic":true}"#;
    for (subject, body) in [
        ("STREAM.CREATE.p", stream),
        (
            "STREAM.UPDATE.s",
            r#"{"name":"s","subjects":["s.*"],"subject_delete_marker_ttl":1000000000,"pedantic":true}"#,
        ),
        (
            "CONSUMER.CREATE.s.p",
            r#"{"stream_name":"s","config":{"name":"p","ack_wait":1,"backoff":[2]},"pedantic":true}"#,
        ),
    ] {
        assert!(answer(subject, body).contains("\"err_code\":10157"), "{subject}");
        let lax = answer(subject, &body.replace(r#","pedantic":true"#, ""));
        assert!(!lax.contains("error"), "{lax}");
    }
}
