//! One stream: its machine with those of its consumers, what is known of its messages, and its place in the journal.

use std::sync::Arc;

use journal::{Durability, JournalError};
use logic::{
    hub::Hub,
    stream::{Counts, Expires, Head, Placed, Removals, Snapshot, Stored as _, Stream, Wishes},
};
use model::{
    Timestamp,
    streams::{self, StreamConfig},
};
use serde::{Deserialize, Serialize};
use wire::nats::HeaderBlock;

use super::{
    heads::{Asks, Heads, Restored, Shelf},
    members::Members,
    record::Record,
    writer::Writer,
};
use crate::jetstream::{ApiError, ErrorCode};

/// A stream that the engine keeps.
pub(super) struct Kept {
    /// Its number in the journal.
    pub(super) id: u64,
    pub(super) name: Arc<str>,
    pub(super) created: Timestamp,
    pub(super) hub: Hub,
    pub(super) heads: Heads,
    pub(super) members: Members,
    /// What is wrong with its records; nothing is changed in it then, but it can be deleted.
    pub(super) damage: Option<JournalError>,
}

/// What the journal keeps of a stream beside its messages, as JSON.
#[derive(Serialize, Deserialize)]
pub(super) struct Description {
    pub(super) config: StreamConfig,
    pub(super) created: Timestamp,
}

impl Kept {
    /// A new stream.
    pub(super) fn new(id: u64, description: Description, shelf: Arc<Shelf>) -> Self {
        Self::restored(id, description, Restored::nothing(id, shelf))
    }

    /// A stream as its index says.
    pub(super) fn restored(id: u64, Description { config, created }: Description, restored: Restored) -> Self {
        let name = config.name.as_str().into();
        let Restored { heads, sums, last, last_at } = restored;
        let stream = if last == 0 {
            Stream::new(config)
        } else {
            let first_seq = heads.next(0).map_or(last + 1, |head| head.seq);
            let counts = Counts { messages: sums.messages, bytes: sums.bytes, first_seq, last_seq: last, last_at };
            let subjects = sums.subjects.into_iter().collect();
            Stream::restore(config, Snapshot { counts, subjects, ..Snapshot::default() })
        };
        Self { id, name, created, hub: Hub::new(stream), heads, members: Members::default(), damage: None }
    }

    /// # Errors
    /// When it is damaged.
    pub(super) fn check_whole(&self) -> Result<(), ApiError> {
        self.trouble().map_or(Ok(()), |trouble| Err(ErrorCode::StreamStoreFailed.because(trouble)))
    }

    /// When something is due in it.
    pub(super) fn deadline(&self) -> Option<Timestamp> {
        self.hub.stream.deadline().filter(|_| self.damage.is_none())
    }

    /// What is wrong with it.
    pub(super) fn trouble(&self) -> Option<String> {
        let damage = self.damage.as_ref()?;
        Some(format!("stream {} is read-only: {damage}", self.name))
    }

    /// When what is stored in it is acknowledged and delivered.
    pub(super) fn durability(&self) -> Durability {
        match streams::Durability::read(&self.hub.stream.config().metadata).unwrap_or_default() {
            streams::Durability::Always => Durability::Always,
            streams::Durability::Interval(time) => Durability::Interval(time),
            streams::Durability::None => Durability::None,
        }
    }

    pub(super) fn description(&self) -> Vec<u8> {
        let description = Description { config: self.hub.stream.config().clone(), created: self.created };
        serde_json::to_vec(&description).expect("it has string keys only")
    }

    /// Carries out what the machine has decided about a message.
    pub(super) fn place(&mut self, placed: &Placed, headers: &[u8], payload: &[u8], marker: bool, writer: &mut Writer) {
        let Placed { seq, at, expires, .. } = *placed;
        let record = Record { marker, at, expires, subject: &placed.subject, headers, payload };
        writer.append(self.id, seq, record.encode(), self.durability());
        if placed.kept {
            let head = Head { seq, subject: placed.subject.clone(), bytes: placed.bytes, at, expires, marker };
            self.heads.insert(&head, Asks::of(&wishes(headers).unwrap_or_default()));
        } else {
            // What stays of it is that its sequence was used.
            writer.remove_one(self.id, seq);
        }
        self.remove(&placed.removals, writer);
    }

    pub(super) fn remove(&mut self, removals: &Removals, writer: &mut Writer) {
        self.heads.remove(removals);
        writer.remove(self.id, removals);
        writer.index(self.id, self.heads.take_changes());
    }

    /// A message is read again from the journal.
    pub(super) fn restore(&mut self, seq: u64, record: &Record<'_>, now: Timestamp) {
        let (head, wishes) = (record.head(seq), wishes(record.headers).unwrap_or_default());
        self.hub.stream.stored(&head, &wishes, now);
        self.heads.insert(&head, Asks::of(&wishes));
    }

    /// All messages are read; `last` is the greatest sequence that the stream ever had.
    pub(super) fn recovered(&mut self, last: u64, now: Timestamp) {
        let counts = self.hub.stream.counts();
        if last > counts.last_seq {
            let head = Head {
                seq: last,
                subject: "".into(),
                bytes: 0,
                at: counts.last_at,
                expires: Expires::ByAge,
                marker: false,
            };
            self.hub.stream.used(&head, &Wishes::default(), now);
        }
        self.hub.stream.recovered(&self.heads, now);
    }
}

/// What the headers of a message ask for; `None` if they cannot be read.
pub(super) fn wishes(headers: &[u8]) -> Option<Wishes> {
    if headers.is_empty() {
        return Some(Wishes::default());
    }
    HeaderBlock::parse(headers).ok().map(|block| Wishes::read(block.fields()))
}
