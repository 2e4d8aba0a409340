//! Streams as wholes.

use std::time::Duration;

use model::streams::StreamConfig;
use ports::streams::{StreamState, StreamsError};
use serde_json::{Value, json};

use super::{Client, answer::Done};
use crate::jetstream::{ErrorCode, Purged, StreamInfo, Streams, timestamp};

impl Client {
    /// Whether the server serves JetStream to this user at all.
    pub(crate) async fn check_account(&self) -> Result<(), StreamsError> {
        self.api::<Done>("INFO", &Value::Null, "use", "JetStream").await.map(drop)
    }

    pub(super) async fn ensure_stream(&self, config: &StreamConfig) -> Result<(), StreamsError> {
        self.check_config(config)?;
        let made = self.send_config("CREATE", "make", config).await;
        match made {
            Err(StreamsError::Refused { cause, .. }) if cause == ErrorCode::StreamNameExists.error().description => {
                self.send_config("UPDATE", "change", config).await
            }
            made => made,
        }
    }

    async fn send_config(&self, verb: &str, doing: &str, config: &StreamConfig) -> Result<(), StreamsError> {
        let body = serde_json::to_value(config).expect("it has string keys only");
        let endpoint = format!("STREAM.{verb}.{}", config.name);
        self.api::<Done>(&endpoint, &body, doing, &stream_of(&config.name)).await.map(drop)
    }

    /// What an older server would not even notice.
    fn check_config(&self, config: &StreamConfig) -> Result<(), StreamsError> {
        let can = self.link.capabilities();
        let has_ttl = config.allow_msg_ttl || config.subject_delete_marker_ttl > Duration::ZERO;
        let needs = [(has_ttl && !can.ttl, TTL), (config.allow_msg_schedules && !can.schedule, SCHEDULE)];
        match needs.into_iter().find(|(is_missing, _)| *is_missing) {
            Some((_, what)) => Err(StreamsError::Unsupported(what)),
            None => Ok(()),
        }
    }

    pub(super) async fn list_streams(&self) -> Result<Vec<StreamState>, StreamsError> {
        let mut found = Vec::new();
        loop {
            let body = json!({"offset": found.len()});
            let page: Streams<StreamInfo> = self.api("STREAM.LIST", &body, "list", "streams").await?;
            let is_last = page.streams.is_empty() || found.len() + page.streams.len() >= page.paged.total;
            found.extend(page.streams.into_iter().map(state));
            if is_last {
                found.sort_by(|one, other| one.config.name.cmp(&other.config.name));
                return Ok(found);
            }
        }
    }

    pub(super) async fn stream(&self, name: &str) -> Result<StreamState, StreamsError> {
        check_stream(name)?;
        self.api(&format!("STREAM.INFO.{name}"), &Value::Null, "tell of", &stream_of(name)).await.map(state)
    }

    pub(super) async fn purge_stream(&self, name: &str) -> Result<u64, StreamsError> {
        check_stream(name)?;
        let endpoint = format!("STREAM.PURGE.{name}");
        self.api(&endpoint, &Value::Null, "purge", &stream_of(name)).await.map(|purged: Purged| purged.count())
    }
}

/// What older servers have not.
pub(super) const TTL: &str = "time to live of single messages";
pub(super) const SCHEDULE: &str = "delayed messages";

pub(super) fn stream_of(name: &str) -> String {
    format!("stream `{name}`")
}

/// A name is part of the subject that is asked at.
pub(super) fn check_stream(name: &str) -> Result<(), StreamsError> {
    let is_good = model::streams::is_name(name);
    if is_good { Ok(()) } else { Err(StreamsError::Invalid(format!("`{name}` cannot be the name of a stream"))) }
}

fn state(info: StreamInfo) -> StreamState {
    let StreamInfo { config, created, state, .. } = info;
    StreamState {
        config,
        created: timestamp(created),
        messages: state.messages,
        bytes: state.bytes,
        first_sequence: state.first_seq,
        last_sequence: state.last_seq,
        first_at: state.first_ts.0.map(timestamp),
        last_at: state.last_ts.0.map(timestamp),
        subjects: state.num_subjects,
        consumers: state.consumer_count,
    }
}
