//! What can be told of a consumer.

use model::{Timestamp, streams::AckPolicy};

use super::{Consumer, View};

/// How a consumer is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Info {
    /// Deliveries so far.
    pub delivered_consumer_seq: u64,
    /// The last message of the stream that was delivered; the one before it begins, if none was.
    pub delivered_stream_seq: u64,
    /// When that was.
    pub delivered_at: Option<Timestamp>,
    /// All deliveries up to this are acknowledged.
    pub ack_floor_consumer_seq: u64,
    /// All messages up to this are.
    pub ack_floor_stream_seq: u64,
    /// When something was acknowledged last, unless that was before a restart.
    pub acked_at: Option<Timestamp>,
    /// Messages that wait for an acknowledgement.
    pub num_ack_pending: u64,
    /// Those of them that were delivered more than once.
    pub num_redelivered: u64,
    /// Requests that wait for messages.
    pub num_waiting: u64,
    /// Messages that were not delivered yet. Exact.
    pub num_pending: u64,
    /// It delivers nothing before.
    pub paused_until: Option<Timestamp>,
    /// Nothing goes out although somebody would take it: too many acknowledgements or an answer to flow control are missing.
    pub stalled: bool,
    /// Push only: whether anybody listens to the delivery subject.
    pub is_bound: bool,
}

impl Consumer {
    /// How it is.
    pub fn info(&self, view: View<'_>) -> Info {
        let num_pending = self.ahead.pending(view);
        let floor = self.outstanding.first().map(|(seq, pending)| (pending.consumer_seq - 1, seq - 1));
        let (ack_floor_consumer_seq, ack_floor_stream_seq) = floor.unwrap_or((self.consumer_seq, self.stream_seq));
        let needs_ack = self.settings.config.ack_policy != AckPolicy::None;
        let is_full = needs_ack && self.outstanding.len() >= self.outstanding_max();
        Info {
            delivered_consumer_seq: self.consumer_seq,
            delivered_stream_seq: self.stream_seq,
            delivered_at: self.last_at,
            ack_floor_consumer_seq,
            ack_floor_stream_seq,
            acked_at: self.acked_at,
            num_ack_pending: self.outstanding.len(),
            num_redelivered: self.outstanding.redelivered(),
            num_waiting: self.requests.len() as u64,
            num_pending,
            paused_until: self.paused_until,
            stalled: num_pending > 0 && (is_full || self.flow.stalled().is_some()),
            is_bound: self.interest,
        }
    }
}
