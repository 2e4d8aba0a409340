//! What watchers are told, as JSON (nats-server, `server/jetstream_events.go`).

use jiff::Timestamp;
use serde::Serialize;

use super::Nanos;

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Happening<'a> {
    /// A stream was made, changed or deleted.
    Stream {
        /// `create`, `modify` or `delete`.
        action: &'static str,
    },
    /// A consumer was made or deleted.
    Consumer {
        /// Its name.
        consumer: &'a str,
        /// `create` or `delete`.
        action: &'static str,
    },
    /// A consumer paused, or goes on.
    Paused {
        /// Its name.
        consumer: &'a str,
        /// Whether it is paused.
        paused: bool,
        /// Until when.
        #[serde(skip_serializing_if = "Option::is_none")]
        pause_until: Option<Timestamp>,
    },
    /// A message was delivered as often as it may be.
    MaxDeliveries {
        /// The consumer.
        consumer: &'a str,
        /// The message's sequence in the stream.
        stream_seq: u64,
        /// How often.
        deliveries: u64,
    },
    /// A message shall come again.
    Naked {
        /// The consumer.
        consumer: &'a str,
        /// The delivery's sequence in the consumer.
        consumer_seq: u64,
        /// The message's sequence in the stream.
        stream_seq: u64,
        /// How often it was delivered.
        deliveries: u64,
    },
    /// A message was acknowledged: a sample, which is a metric and no advisory.
    Acked {
        /// The consumer.
        consumer: &'a str,
        /// The delivery's sequence in the consumer.
        consumer_seq: u64,
        /// The message's sequence in the stream.
        stream_seq: u64,
        /// Since its last delivery.
        ack_time: Nanos,
        /// How often it was delivered.
        deliveries: u64,
    },
    /// A message failed for good.
    Terminated {
        /// The consumer.
        consumer: &'a str,
        /// The delivery's sequence in the consumer.
        consumer_seq: u64,
        /// The message's sequence in the stream.
        stream_seq: u64,
        /// How often it was delivered.
        deliveries: u64,
        /// The client's words.
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<&'a str>,
    },
}

/// An advisory, published to [`Advisory::subject`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Advisory<'a> {
    r#type: String,
    id: String,
    timestamp: Timestamp,
    stream: &'a str,
    #[serde(flatten)]
    happening: Happening<'a>,
}

impl<'a> Advisory<'a> {
    /// What happened in a stream, when, under an id of its own.
    pub fn new(stream: &'a str, happening: Happening<'a>, id: String, timestamp: Timestamp) -> Self {
        let kind = match happening {
            Happening::Stream { .. } => "advisory.v1.stream_action",
            Happening::Consumer { .. } => "advisory.v1.consumer_action",
            Happening::Paused { .. } => "advisory.v1.consumer_pause",
            Happening::MaxDeliveries { .. } => "advisory.v1.max_deliver",
            Happening::Naked { .. } => "advisory.v1.nak",
            Happening::Acked { .. } => "metric.v1.consumer_ack",
            Happening::Terminated { .. } => "advisory.v1.terminated",
        };
        let r#type = format!("io.nats.jetstream.{kind}");
        Self { r#type, id, timestamp, stream, happening }
    }

    /// Where it is published.
    pub fn subject(&self) -> String {
        let stream = self.stream;
        let (what, consumer) = match self.happening {
            Happening::Stream { action } => return format!("$JS.EVENT.ADVISORY.STREAM.{}.{stream}", past(action)),
            Happening::Consumer { consumer, action } => (past(action), consumer),
            Happening::Paused { consumer, .. } => ("PAUSE", consumer),
            Happening::MaxDeliveries { consumer, .. } => ("MAX_DELIVERIES", consumer),
            Happening::Naked { consumer, .. } => ("MSG_NAKED", consumer),
            Happening::Acked { consumer, .. } => return format!("$JS.EVENT.METRIC.CONSUMER.ACK.{stream}.{consumer}"),
            Happening::Terminated { consumer, .. } => ("MSG_TERMINATED", consumer),
        };
        format!("$JS.EVENT.ADVISORY.CONSUMER.{what}.{stream}.{consumer}")
    }

    /// The body.
    pub fn body(&self) -> String {
        serde_json::to_string(self).expect("it has string keys only")
    }
}

fn past(action: &str) -> &'static str {
    match action {
        "create" => "CREATED",
        "delete" => "DELETED",
        _ => "UPDATED",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advisories() {
        let reason = Some("no such user");
        for (happening, subject, kind, rest) in [
            (Happening::Stream { action: "modify" }, "STREAM.UPDATED.s", "stream_action", r#""action":"modify""#),
            (
                Happening::Consumer { consumer: "c", action: "create" },
                "CONSUMER.CREATED.s.c",
                "consumer_action",
                r#""consumer":"c","action":"create""#,
            ),
            (
                Happening::Paused { consumer: "c", paused: false, pause_until: None },
                "CONSUMER.PAUSE.s.c",
                "consumer_pause",
                r#""consumer":"c","paused":false"#,
            ),
            (
                Happening::MaxDeliveries { consumer: "c", stream_seq: 2, deliveries: 3 },
                "CONSUMER.MAX_DELIVERIES.s.c",
                "max_deliver",
                r#""consumer":"c","stream_seq":2,"deliveries":3"#,
            ),
            (
                Happening::Naked { consumer: "c", consumer_seq: 1, stream_seq: 2, deliveries: 3 },
                "CONSUMER.MSG_NAKED.s.c",
                "nak",
                r#""consumer":"c","consumer_seq":1,"stream_seq":2,"deliveries":3"#,
            ),
            (
                Happening::Terminated { consumer: "c", consumer_seq: 1, stream_seq: 2, deliveries: 3, reason },
                "CONSUMER.MSG_TERMINATED.s.c",
                "terminated",
                r#""consumer":"c","consumer_seq":1,"stream_seq":2,"deliveries":3,"reason":"no such user""#,
            ),
        ] {
            let advisory = Advisory::new("s", happening, "x".into(), Timestamp::UNIX_EPOCH);
            assert_eq!(advisory.subject(), format!("$JS.EVENT.ADVISORY.{subject}"));
            let head = format!(r#"{{"type":"io.nats.jetstream.advisory.v1.{kind}","id":"x""#);
            assert_eq!(advisory.body(), format!(r#"{head},"timestamp":"1970-01-01T00:00:00Z","stream":"s",{rest}}}"#));
        }
    }
    #[test]
    fn a_sample_is_a_metric() {
        let happening =
            Happening::Acked { consumer: "c", consumer_seq: 1, stream_seq: 2, ack_time: Nanos(3), deliveries: 4 };
        let metric = Advisory::new("s", happening, "x".into(), Timestamp::UNIX_EPOCH);
        assert_eq!(metric.subject(), "$JS.EVENT.METRIC.CONSUMER.ACK.s.c");
        let rest = r#""consumer":"c","consumer_seq":1,"stream_seq":2,"ack_time":3,"deliveries":4"#;
        let head = r#"{"type":"io.nats.jetstream.metric.v1.consumer_ack","id":"x","timestamp":"1970-01-01T00:00:00Z""#;
        assert_eq!(metric.body(), format!(r#"{head},"stream":"s",{rest}}}"#));
    }
}
