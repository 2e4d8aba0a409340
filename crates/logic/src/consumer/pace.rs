//! When the next message may be sent, where that is not at once.

use std::time::Duration;

use model::{
    Timestamp,
    streams::{ConsumerConfig, ReplayPolicy},
};

use crate::stream::Head;

/// The pace of a consumer.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// The rate allows nothing before.
    free_at: Timestamp,
    /// When the last new message was sent, and when it was stored.
    last: Option<(Timestamp, Timestamp)>,
}

impl Pace {
    /// When a message may be sent; `is_new` unless it comes again.
    pub(super) fn allows(&self, head: &Head, is_new: bool, config: &ConsumerConfig) -> Timestamp {
        let original = config.replay_policy == ReplayPolicy::Original && is_new;
        let replayed = self.last.filter(|_| original).map(|(sent, stored)| sent + head.at.since(stored));
        self.free_at.max(replayed.unwrap_or_default())
    }

    /// A message was sent.
    pub(super) fn sent(&mut self, head: &Head, is_new: bool, config: &ConsumerConfig, now: Timestamp) {
        if is_new {
            self.last = Some((now, head.at));
        }
        if let Some(micros) = (head.bytes * 8 * 1_000_000).checked_div(config.rate_limit_bps) {
            self.free_at = self.free_at.max(now) + Duration::from_micros(micros);
        }
    }
}
