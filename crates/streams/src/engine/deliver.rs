//! What consumers send: messages, statuses and advisories.

use logic::consumer::{self, Delivery, Left, Target};

use super::{Engine, headers::rewritten, record::Record};
use crate::{
    jetstream::{self, AckSubject, Nanos, Status, Unmet},
    server::Message,
};

impl Engine {
    /// Sends a message. One that cannot be read is not sent: it is as if it were lost on the way.
    pub(super) fn deliver(&mut self, stream: u64, consumer: u64, delivery: &Delivery) {
        self.send(stream, consumer, delivery);
        if let (Target::Request(id), true) = (delivery.to, delivery.is_last) {
            self.forget(id);
        }
    }

    fn send(&mut self, stream: u64, consumer: u64, delivery: &Delivery) -> Option<()> {
        let kept = self.streams.get(&stream)?;
        let member = kept.members.get(consumer)?;
        let to = self.inbox(stream, consumer, delivery.to)?;
        let bytes = self.writer.read(stream, delivery.seq).ok().flatten()?;
        let record = Record::decode(&bytes)?;
        let told = jetstream::Delivery {
            stream: &kept.name,
            consumer: &member.name,
            delivered: delivery.deliveries,
            stream_seq: delivery.seq,
            consumer_seq: delivery.consumer_seq,
            time_ns: delivery.at.0.saturating_mul(1_000),
            pending: delivery.pending,
        };
        let reply = AckSubject { owner: None, delivery: told }.to_string();
        let (subject, reply) = (record.subject.as_bytes(), Some(reply.as_bytes()));
        let letters = self.writer.letters();
        if delivery.headers_only {
            let size = record.payload.len().to_string();
            let headers = rewritten(record.headers, &[], &[("Nats-Msg-Size", &size)]);
            letters.push_to(&to, &Message { subject, reply, headers: &headers, payload: b"" });
        } else {
            letters.push_to(&to, &Message { subject, reply, headers: record.headers, payload: record.payload });
        }
        Some(())
    }

    /// Sends a status. Every one but a heartbeat is the end of a request.
    pub(super) fn tell(&mut self, stream: u64, consumer: u64, target: Target, status: &consumer::Status) {
        let Some(to) = self.inbox(stream, consumer, target) else { return };
        let reply = match status {
            consumer::Status::FlowControl(id) => self.flow_subject(stream, consumer, *id),
            _ => None,
        };
        let block = self.as_told(stream, consumer, status).block();
        let reply = reply.as_deref().map(str::as_bytes);
        self.writer.letters().push(&Message { subject: &to, reply, headers: block.as_bytes(), payload: b"" });
        if let Target::Request(id) = target
            && !matches!(status, consumer::Status::IdleHeartbeat { .. })
        {
            self.forget(id);
        }
    }

    pub(super) fn send_status(&mut self, to: &[u8], status: &Status) {
        let block = status.block();
        self.writer.letters().push(&Message { subject: to, reply: None, headers: block.as_bytes(), payload: b"" });
    }

    /// Where a flow control request is answered.
    fn flow_subject(&self, stream: u64, consumer: u64, id: u64) -> Option<String> {
        let kept = self.streams.get(&stream)?;
        let member = kept.members.get(consumer)?;
        Some(format!("$JS.FC.{}.{}.{id}", kept.name, member.name))
    }

    fn as_told(&self, stream: u64, consumer: u64, status: &consumer::Status) -> Status {
        match status {
            consumer::Status::IdleHeartbeat { last_consumer, last_stream, stalled } => Status::IdleHeartbeat {
                consumer_seq: *last_consumer,
                stream_seq: *last_stream,
                stalled: stalled.and_then(|id| self.flow_subject(stream, consumer, id)),
            },
            consumer::Status::FlowControl(_) => Status::FlowControl,
            consumer::Status::NoMessages => Status::NoMessages,
            consumer::Status::RequestTimeout(left) => Status::RequestTimeout(unmet(*left)),
            consumer::Status::MaxBytes(left) => Status::MessageSizeExceedsMaxBytes(unmet(*left)),
            consumer::Status::BatchCompleted(left) => Status::BatchCompleted(unmet(*left)),
            consumer::Status::ConsumerDeleted => Status::ConsumerDeleted,
            consumer::Status::PushBased => Status::ConsumerIsPushBased,
            consumer::Status::MaxWaiting => Status::ExceededMaxWaiting,
            consumer::Status::MaxRequestBatch(max) => Status::ExceededMaxRequestBatch(signed(*max)),
            consumer::Status::MaxRequestExpires(max) => {
                Status::ExceededMaxRequestExpires(Nanos(i64::try_from(max.as_nanos()).unwrap_or(i64::MAX)))
            }
            consumer::Status::MaxRequestMaxBytes(max) => Status::ExceededMaxRequestMaxBytes(signed(*max)),
            consumer::Status::ServerShutdown => Status::ServerShutdown(Unmet::default()),
            consumer::Status::BadRequest(why) => Status::BadPullRequest((*why).into()),
        }
    }
}

fn unmet(left: Left) -> Unmet {
    Unmet { messages: left.messages, bytes: left.bytes }
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
