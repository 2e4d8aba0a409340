//! The answer to a publish into a stream.

use serde::{Deserialize, Serialize};

use super::{ApiError, is_default};

/// What was stored where.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PubAck {
    /// The stream.
    pub stream: String,
    /// The message's sequence, or that of the message it repeats.
    pub seq: u64,
    /// The domain, where there is one.
    #[serde(skip_serializing_if = "is_default")]
    pub domain: String,
    /// Whether the message repeats one that is stored.
    #[serde(skip_serializing_if = "is_default")]
    pub duplicate: bool,
    /// The id of the atomic batch that this ends.
    #[serde(skip_serializing_if = "is_default")]
    pub batch: String,
    /// How many messages that batch has.
    #[serde(skip_serializing_if = "is_default")]
    pub count: u64,
}

/// The failed form: clients expect the stream, and a sequence that is none.
#[derive(Serialize)]
struct Failed<'a> {
    error: &'a ApiError,
    stream: &'a str,
    seq: u64,
}

impl PubAck {
    /// The body of the answer.
    pub fn body(&self) -> String {
        json(self)
    }

    /// The body of the answer to a message that was not stored.
    pub fn failed(stream: &str, error: &ApiError) -> String {
        json(&Failed { error, stream, seq: 0 })
    }
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("these values have string keys only")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jetstream::ErrorCode;

    #[test]
    fn bodies() {
        let stored = PubAck { stream: "orders".into(), seq: 7, ..PubAck::default() };
        let batch = PubAck { batch: "b1".into(), count: 3, ..stored.clone() };
        for (ack, expected) in [
            (stored.clone(), r#"{"stream":"orders","seq":7}"#),
            (PubAck { duplicate: true, ..stored.clone() }, r#"{"stream":"orders","seq":7,"duplicate":true}"#),
            (PubAck { domain: "hub".into(), ..stored }, r#"{"stream":"orders","seq":7,"domain":"hub"}"#),
            (batch, r#"{"stream":"orders","seq":7,"batch":"b1","count":3}"#),
        ] {
            assert_eq!(ack.body(), expected);
            assert_eq!(serde_json::from_str::<PubAck>(expected).unwrap(), ack);
        }
        let error = ErrorCode::StreamWrongLastSequence.because("4");
        let expected = concat!(
            r#"{"error":{"code":400,"err_code":10071,"description":"wrong last sequence: 4"},"#,
            r#""stream":"orders","seq":0}"#
        );
        assert_eq!(PubAck::failed("orders", &error), expected);
    }
}
