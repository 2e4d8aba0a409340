//! What is told of consumers.

use super::{
    Engine,
    api::{Reply, Served},
    info::{nanos, offset, time},
    kept::Kept,
};
use crate::jetstream::{
    ApiError, ConsumerInfo, Consumers, ErrorCode, LIST_MAX, NAMES_MAX, Nanos, Response, SequenceInfo, page,
};

impl Engine {
    pub(super) fn consumer(&self, stream: &str, consumer: &str) -> Served {
        let (stream, id) = self.find_consumer(stream, consumer)?;
        Ok(Reply::Now(Response::ConsumerInfo(self.consumer_info(self.kept(stream)?, id)?)))
    }

    pub(super) fn consumer_names(&self, stream: &str, from: i64) -> Served {
        let names = self.find(stream)?.members.names().map(|name| name.to_string());
        let (paged, consumers) = page(names, offset(from), NAMES_MAX);
        Ok(Reply::Now(Response::ConsumerNames(Consumers { paged, consumers })))
    }

    pub(super) fn consumer_list(&self, stream: &str, from: i64) -> Served {
        let kept = self.find(stream)?;
        let (paged, ids) = page(kept.members.ids(), offset(from), LIST_MAX);
        let consumers = ids.into_iter().map(|id| self.consumer_info(kept, id)).collect::<Result<_, _>>()?;
        Ok(Reply::Now(Response::ConsumerList(Consumers { paged, consumers })))
    }

    pub(super) fn consumer_info(&self, kept: &Kept, id: u64) -> Result<ConsumerInfo, ApiError> {
        let found = kept.members.get(id).zip(kept.hub.get(id)).zip(kept.hub.info(id, &kept.heads));
        let ((member, machine), info) = found.ok_or_else(|| ErrorCode::ConsumerNotFound.error())?;
        let now = self.clock.now();
        let paused_until = info.paused_until.filter(|until| *until > now);
        let mut config = machine.settings().config.clone();
        config.pause_until = paused_until;
        let delivered_at = info.delivered_at.map(time);
        Ok(ConsumerInfo {
            stream_name: kept.name.to_string(),
            name: member.name.to_string(),
            created: time(member.created),
            config,
            delivered: SequenceInfo {
                consumer_seq: info.delivered_consumer_seq,
                stream_seq: info.delivered_stream_seq,
                last_active: delivered_at,
            },
            ack_floor: SequenceInfo {
                consumer_seq: info.ack_floor_consumer_seq,
                stream_seq: info.ack_floor_stream_seq,
                last_active: info.acked_at.map(time),
            },
            num_ack_pending: info.num_ack_pending,
            num_redelivered: info.num_redelivered,
            num_waiting: info.num_waiting,
            num_pending: info.num_pending,
            push_bound: info.is_bound,
            paused: paused_until.is_some(),
            pause_remaining: paused_until.map_or(Nanos(0), |until| nanos(until.since(now))),
            ts: time(now),
        })
    }
}
