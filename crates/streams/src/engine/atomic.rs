//! Messages that are stored and deleted together or not at all, in any streams: all is decided before anything is written, and
//! written at once.

use std::collections::BTreeMap;

use journal::Durability;
use logic::{
    consumer::Action,
    stream::{BATCH_BYTES_MAX, BATCH_MESSAGES_MAX, Incoming},
};
use model::{
    Timestamp,
    streams::{self, Storage},
};
use serde::{Deserialize, Serialize};

use super::{Engine, answer::behind, inside::Refused, kept::wishes};
use crate::jetstream::{ApiError, ErrorCode, PubAck};

/// What a record takes beside what its message counts for.
pub(super) const RECORD_BYTES: u64 = 64;

/// What happens together.
#[derive(Debug, Default)]
pub(crate) struct Atomic {
    /// Messages to store, in this order.
    pub(crate) messages: Vec<NewMessage>,
    /// Messages to delete first, which must be there: the names of their streams, and their sequences.
    pub(crate) deletes: Vec<(String, u64)>,
}

/// A message to store.
#[derive(Debug)]
pub(crate) struct NewMessage {
    pub(crate) subject: String,
    /// A header block, or nothing.
    pub(crate) headers: Vec<u8>,
    pub(crate) payload: Vec<u8>,
}

/// All of it has happened.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Written {
    /// Of each message.
    pub(crate) acks: Vec<PubAck>,
}

/// What happens in one stream.
#[derive(Default)]
struct Part {
    /// The places of the messages among all.
    places: Vec<usize>,
    incoming: Vec<Incoming>,
    /// Under which sequences they were stored before.
    before: Vec<Option<u64>>,
    deletes: Vec<u64>,
}

impl Part {
    /// The messages that are to be stored, with their places.
    fn new_ones(&self) -> impl Iterator<Item = (usize, &Incoming)> {
        let all = self.places.iter().copied().zip(&self.incoming).zip(&self.before);
        all.filter(|(_, before)| before.is_none()).map(|(one, _)| one)
    }
}

impl Engine {
    /// Stores and deletes all of it, or nothing.
    pub(super) fn write_all(&mut self, reply: &[u8], atomic: &Atomic) -> Result<(), Refused> {
        let refused = |error: ApiError| Refused { error, what: "batch".into() };
        if self.writer.journal().pressure_percent() >= 100 {
            return Err(refused(behind()));
        }
        self.check_open().map_err(refused)?;
        let mut parts = self.parts(atomic)?;
        let bytes = self.check_room(&parts).map_err(refused)?;
        let now = self.clock.now();
        for (id, part) in &mut parts {
            self.check_part(*id, part, now)?;
        }
        let mut written = Written { acks: vec![PubAck::default(); atomic.messages.len()] };
        let (mut durability, mut actions) = (Durability::None, Vec::new());
        self.writer.begin_whole(bytes);
        for (id, part) in &parts {
            actions.push((*id, self.carry_part(*id, part, atomic, now, &mut written)));
            durability = durability.and(self.durability_of(*id, part));
        }
        self.grant(reply, &written, "batch", durability);
        self.writer.end_whole();
        actions.into_iter().for_each(|(id, actions)| self.carry_out(id, actions, None));
        Ok(())
    }

    /// What concerns each stream.
    fn parts(&self, atomic: &Atomic) -> Result<BTreeMap<u64, Part>, Refused> {
        let mut parts = BTreeMap::<u64, Part>::new();
        for (place, message) in atomic.messages.iter().enumerate() {
            let refused = |error: ApiError| Refused { error, what: format!("stream that takes `{}`", message.subject) };
            let mut found = Vec::new();
            self.filters.matching(&message.subject, &mut found);
            let id = found.first().ok_or_else(|| refused(ErrorCode::StreamNotFound.error()))?;
            let part = parts.entry(*id).or_default();
            part.places.push(place);
            part.incoming.push(incoming(message).ok_or_else(|| refused(ErrorCode::BadRequest.error()))?);
        }
        for (stream, seq) in &atomic.deletes {
            let kept = self.find(stream).map_err(|error| Refused { error, what: format!("stream `{stream}`") })?;
            parts.entry(kept.id).or_default().deletes.push(*seq);
        }
        Ok(parts)
    }

    /// Whether all of it has place in one write and in the streams. Gives back how much it takes of the write.
    fn check_room(&mut self, parts: &BTreeMap<u64, Part>) -> Result<u64, ApiError> {
        let (mut bytes, mut count) = (0, 0);
        let mut by_storage = [(Storage::File, 0), (Storage::Memory, 0)];
        for (id, part) in parts {
            let storage = self.kept(*id)?.hub.stream.config().storage;
            let own: u64 = part.incoming.iter().map(Incoming::bytes).sum();
            by_storage.iter_mut().filter(|(of, _)| *of == storage).for_each(|(_, sum)| *sum += own);
            bytes += own;
            count += part.incoming.len() + part.deletes.len();
        }
        if count > BATCH_MESSAGES_MAX {
            return Err(streams::ApiError::BatchTooLarge(BATCH_MESSAGES_MAX as u64).into());
        }
        if bytes > BATCH_BYTES_MAX {
            return Err(streams::ApiError::BatchTooLarge(BATCH_BYTES_MAX).into());
        }
        if !by_storage.iter().all(|(storage, sum)| self.tally.has_room(*storage, *sum, &self.limits)) {
            return Err(ErrorCode::InsufficientResources.error());
        }
        Ok(bytes + count as u64 * RECORD_BYTES)
    }

    fn check_part(&mut self, id: u64, part: &mut Part, now: Timestamp) -> Result<(), Refused> {
        let refused = |error: ApiError, what: String| Refused { error, what };
        let kept = self.kept_mut(id).map_err(|error| refused(error, "batch".into()))?;
        let name = kept.name.clone();
        let of_stream = |error: ApiError| refused(error, format!("stream `{name}`"));
        kept.check_whole().map_err(of_stream)?;
        for seq in &part.deletes {
            let checked = kept.hub.stream.check_delete(*seq, &kept.heads);
            checked.map_err(|error| refused(error.into(), format!("message {seq} of stream `{name}`")))?;
        }
        let before = kept.hub.stream.check_all(&part.incoming, now, &kept.heads);
        part.before = before.map_err(|error| of_stream(error.into()))?;
        Ok(())
    }

    /// Carries out what was checked. Gives back what the stream's consumers ask for.
    fn carry_part(
        &mut self,
        id: u64,
        part: &Part,
        atomic: &Atomic,
        now: Timestamp,
        written: &mut Written,
    ) -> Vec<(u64, Action)> {
        let mut actions = Vec::new();
        let Some(kept) = self.streams.get_mut(&id) else { return actions };
        for seq in &part.deletes {
            // One that is to be deleted twice is gone the second time.
            let Ok(removals) = kept.hub.stream.delete(*seq, &kept.heads) else { continue };
            kept.remove(&removals, &mut self.writer);
            kept.hub.gone(&removals, now, &kept.heads, &mut actions);
        }
        let placed = kept.hub.place_all(part.new_ones().map(|(_, incoming)| incoming), now, &kept.heads);
        for (placed, (place, _)) in placed.iter().zip(part.new_ones()) {
            let message = &atomic.messages[place];
            kept.place(placed, &message.headers, &message.payload, false, &mut self.writer);
            written.acks[place].seq = placed.seq;
        }
        for (place, before) in part.places.iter().zip(&part.before) {
            let ack = &mut written.acks[*place];
            (ack.stream, ack.duplicate) = (kept.name.to_string(), before.is_some());
            ack.seq = before.unwrap_or(ack.seq);
        }
        kept.hub.placed(&placed, now, &kept.heads, &mut actions);
        actions
    }

    /// A deletion is always on disk when it is answered, a message as its stream asks.
    fn durability_of(&self, id: u64, part: &Part) -> Durability {
        match self.streams.get(&id) {
            Some(kept) if part.deletes.is_empty() => kept.durability(),
            _ => Durability::Always,
        }
    }
}

fn incoming(message: &NewMessage) -> Option<Incoming> {
    Some(Incoming {
        subject: message.subject.as_str().into(),
        header_bytes: message.headers.len() as u64,
        payload_bytes: message.payload.len() as u64,
        wishes: wishes(&message.headers)?,
        is_firing: false,
    })
}
