//! Messages that come into streams.

use std::collections::HashMap;

use logic::stream::{Incoming, Outcome, Placed, Wishes, pause};

use super::{
    Engine,
    answer::{Answer, Asked, behind, push},
    atomic::RECORD_BYTES,
    kept::wishes,
};
use crate::{
    jetstream::{ApiError, ErrorCode, PubAck},
    server::{Message, Outgoing},
};

/// The headers and payloads of unfinished batches, by their ids.
pub(super) type Staged = HashMap<Box<str>, Vec<(Box<[u8]>, Box<[u8]>)>>;

impl Engine {
    pub(super) fn publish(&mut self, subject: &str, message: &Message<'_>, out: &mut Outgoing) {
        let mut found = Vec::new();
        self.filters.matching(subject, &mut found);
        // Subjects of streams do not overlap, so there is one at most.
        let Some(id) = found.first().copied() else { return };
        let pressure = self.writer.journal().pressure_percent();
        out.hold_back(pause(pressure));
        let may_be_written = if pressure >= 100 { Err(behind()) } else { self.check_open() };
        let answered = may_be_written.and_then(|()| self.decide(id, subject, message));
        let Some(kept) = self.streams.get(&id).filter(|kept| !kept.hub.stream.config().no_ack) else { return };
        let Some(reply) = message.reply else { return };
        let (asked, durability) = (Asked::Publish(kept.name.clone()), kept.durability());
        match answered {
            Ok(Some(ack)) => self.writer.answer(Answer { reply: reply.into(), body: ack.body(), asked, durability }),
            Ok(None) => push(reply, "", &mut out.messages),
            Err(error) => asked.failed(&error).iter().for_each(|body| push(reply, body, &mut out.messages)),
        }
    }

    /// The acknowledgement to give once all is as durable as the stream asks; `None` for a message that waits for the rest of its batch.
    fn decide(&mut self, id: u64, subject: &str, message: &Message<'_>) -> Result<Option<PubAck>, ApiError> {
        let now = self.clock.now();
        let wishes = wishes(message.headers).ok_or_else(|| ErrorCode::BadRequest.error())?;
        let incoming = Incoming {
            subject: subject.into(),
            header_bytes: message.headers.len() as u64,
            payload_bytes: message.payload.len() as u64,
            wishes,
            is_firing: false,
        };
        let Some(kept) = self.streams.get_mut(&id) else { return Err(ErrorCode::StreamNotFound.error()) };
        let bytes = incoming.header_bytes + incoming.payload_bytes;
        if !self.tally.has_room(kept.hub.stream.config().storage, bytes, &self.limits) {
            return Err(ErrorCode::InsufficientResources.error());
        }
        kept.check_whole()?;
        let ack = PubAck { stream: kept.name.to_string(), ..PubAck::default() };
        match kept.hub.publish(&incoming, now, &kept.heads) {
            Outcome::Stored(placed) => {
                kept.place(&placed, message.headers, message.payload, false, &mut self.writer);
                self.placed(id, std::slice::from_ref(&placed));
                Ok(Some(PubAck { seq: placed.seq, ..ack }))
            }
            Outcome::Duplicate(seq) => Ok(Some(PubAck { seq, duplicate: true, ..ack })),
            Outcome::Staged => {
                self.stage(id, &incoming, message);
                self.watch(id);
                Ok(None)
            }
            Outcome::Committed(all) => {
                let batch = batch_of(&incoming).unwrap_or_default().into();
                self.place_all(id, &incoming, &all, message);
                let seq = all.last().map_or(0, |placed| placed.seq);
                Ok(Some(PubAck { seq, batch, count: all.len() as u64, ..ack }))
            }
            Outcome::Refused(error) => {
                if let Some(batch) = batch_of(&incoming).filter(|batch| !kept.hub.stream.has_batch(batch)) {
                    self.staged.entry(id).or_default().remove(batch);
                }
                self.watch(id);
                Err(error.into())
            }
        }
    }

    fn stage(&mut self, id: u64, incoming: &Incoming, message: &Message<'_>) {
        if let Some(batch) = batch_of(incoming) {
            let members = self.staged.entry(id).or_default().entry(batch.into()).or_default();
            members.push((message.headers.into(), message.payload.into()));
        }
    }

    fn place_all(&mut self, id: u64, incoming: &Incoming, all: &[Placed], message: &Message<'_>) {
        let batch = batch_of(incoming).unwrap_or_default();
        let mut members = self.staged.entry(id).or_default().remove(batch).unwrap_or_default();
        // The message that ends a batch may be one of it.
        if members.len() < all.len() {
            members.push((message.headers.into(), message.payload.into()));
        }
        let Some(kept) = self.streams.get_mut(&id) else { return };
        self.writer.begin_whole(all.iter().map(|placed| placed.bytes + RECORD_BYTES).sum());
        for (placed, (headers, payload)) in all.iter().zip(&members) {
            kept.place(placed, headers, payload, false, &mut self.writer);
        }
        self.writer.end_whole();
        self.placed(id, all);
    }

    /// Stores a message of the engine's own, headers and payload; `None` if the stream refuses it.
    pub(super) fn store(&mut self, id: u64, subject: &str, content: (&[u8], &[u8]), wishes: Wishes) -> Option<()> {
        let (headers, payload) = content;
        let (header_bytes, payload_bytes) = (headers.len() as u64, payload.len() as u64);
        let incoming = Incoming { subject: subject.into(), header_bytes, payload_bytes, wishes, is_firing: true };
        let now = self.clock.now();
        let kept = self.streams.get_mut(&id).filter(|kept| kept.damage.is_none())?;
        let Outcome::Stored(placed) = kept.hub.publish(&incoming, now, &kept.heads) else { return None };
        kept.place(&placed, headers, payload, false, &mut self.writer);
        self.placed(id, std::slice::from_ref(&placed));
        Some(())
    }

    /// Tells the consumers of messages that are stored.
    pub(super) fn placed(&mut self, id: u64, all: &[Placed]) {
        let Some(kept) = self.streams.get_mut(&id) else { return };
        let mut actions = Vec::new();
        kept.hub.placed(all, self.clock.now(), &kept.heads, &mut actions);
        self.carry_out(id, actions, None);
    }
}

fn batch_of(incoming: &Incoming) -> Option<&str> {
    incoming.wishes.batch.as_deref().map(|batch| &*batch.id)
}
