//! What is told of a stream.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{StreamConfig, Time, is_default};

/// A stream's content.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct StreamState {
    /// How many messages there are.
    pub messages: u64,
    /// How many bytes they take.
    pub bytes: u64,
    /// The sequence of the first message; one more than the last if there is none.
    pub first_seq: u64,
    /// When the first message was stored.
    pub first_ts: Time,
    /// The sequence of the last message ever stored.
    pub last_seq: u64,
    /// When the last message was stored.
    pub last_ts: Time,
    /// How many subjects there are.
    #[serde(skip_serializing_if = "is_default")]
    pub num_subjects: u64,
    /// How many messages each subject has, if that was asked for.
    #[serde(skip_serializing_if = "is_default")]
    pub subjects: BTreeMap<String, u64>,
    /// How many sequences between the first and the last have no message.
    #[serde(skip_serializing_if = "is_default")]
    pub num_deleted: u64,
    /// Which ones, if that was asked for.
    #[serde(skip_serializing_if = "is_default")]
    pub deleted: Vec<u64>,
    /// How many consumers there are.
    pub consumer_count: u64,
}

/// A stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StreamInfo {
    /// Its configuration.
    pub config: StreamConfig,
    /// When it was created.
    pub created: Timestamp,
    /// Its content.
    pub state: StreamState,
    /// The server's domain, where there is one.
    #[serde(default, skip_serializing_if = "is_default")]
    pub domain: String,
    /// When this was told.
    #[serde(default)]
    pub ts: Timestamp,
}

/// A stored message, as the get of the API tells it; headers and data are in base64.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct StoredMessage {
    /// The subject.
    pub subject: String,
    /// The sequence.
    pub seq: u64,
    /// The header block.
    #[serde(with = "base64_text", skip_serializing_if = "is_default")]
    pub hdrs: Vec<u8>,
    /// The body.
    #[serde(with = "base64_text", skip_serializing_if = "is_default")]
    pub data: Vec<u8>,
    /// When it was stored.
    pub time: Time,
}

mod base64_text {
    use base64::{Engine, engine::general_purpose::STANDARD};
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        STANDARD.decode(String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states() {
        let empty = concat!(
            r#"{"messages":0,"bytes":0,"first_seq":0,"first_ts":"0001-01-01T00:00:00Z","#,
            r#""last_seq":0,"last_ts":"0001-01-01T00:00:00Z","consumer_count":0}"#
        );
        assert_eq!(serde_json::to_string(&StreamState::default()).unwrap(), empty);
        let full = concat!(
            r#"{"messages":2,"bytes":90,"first_seq":1,"first_ts":"2026-01-02T03:04:05Z","last_seq":4,"#,
            r#""last_ts":"2026-01-02T03:04:06.5Z","num_subjects":1,"subjects":{"a":2},"num_deleted":2,"#,
            r#""deleted":[2,3],"consumer_count":1}"#
        );
        let state: StreamState = serde_json::from_str(full).unwrap();
        assert_eq!((state.messages, state.deleted.as_slice(), state.subjects["a"]), (2, &[2, 3][..], 2));
        assert_eq!(serde_json::to_string(&state).unwrap(), full);
    }

    #[test]
    fn messages() {
        let whole = concat!(
            r#"{"subject":"a","seq":7,"hdrs":"TkFUUy8xLjANCg0K","data":"aGk=","#,
            r#""time":"2026-01-02T03:04:05Z"}"#
        );
        let message: StoredMessage = serde_json::from_str(whole).unwrap();
        assert_eq!((message.hdrs.as_slice(), message.data.as_slice()), (&b"NATS/1.0\r\n\r\n"[..], &b"hi"[..]));
        assert_eq!(serde_json::to_string(&message).unwrap(), whole);
        let bare = StoredMessage { hdrs: Vec::new(), data: Vec::new(), ..message };
        let expected = r#"{"subject":"a","seq":7,"time":"2026-01-02T03:04:05Z"}"#;
        assert_eq!(serde_json::to_string(&bare).unwrap(), expected);
    }
}
