//! One stream: its machine with those of its consumers, what is known of its messages, and its place in the journal.

use std::sync::Arc;

use logic::{
    hub::Hub,
    stream::{Expires, Head, Placed, Removals, Stream, Wishes},
};
use model::{Timestamp, streams::StreamConfig};
use serde::{Deserialize, Serialize};
use wire::nats::HeaderBlock;

use super::{heads::Heads, members::Members, record::Record, writer::Writer};

/// A stream that the engine keeps.
pub(super) struct Kept {
    /// Its number in the journal.
    pub(super) id: u64,
    pub(super) name: Arc<str>,
    pub(super) created: Timestamp,
    pub(super) hub: Hub,
    pub(super) heads: Heads,
    pub(super) members: Members,
}

/// What the journal keeps of a stream beside its messages, as JSON.
#[derive(Serialize, Deserialize)]
pub(super) struct Description {
    pub(super) config: StreamConfig,
    pub(super) created: Timestamp,
}

impl Kept {
    pub(super) fn new(id: u64, Description { config, created }: Description) -> Self {
        let name = config.name.as_str().into();
        let hub = Hub::new(Stream::new(config));
        Self { id, name, created, hub, heads: Heads::default(), members: Members::default() }
    }

    pub(super) fn description(&self) -> Vec<u8> {
        let description = Description { config: self.hub.stream.config().clone(), created: self.created };
        serde_json::to_vec(&description).expect("it has string keys only")
    }

    /// Carries out what the machine has decided about a message.
    pub(super) fn place(&mut self, placed: &Placed, headers: &[u8], payload: &[u8], marker: bool, writer: &mut Writer) {
        let Placed { seq, at, expires, .. } = *placed;
        let record = Record { marker, at, expires, subject: &placed.subject, headers, payload };
        writer.append(self.id, seq, record.encode());
        if placed.kept {
            let subject = placed.subject.clone();
            self.heads.insert(Head { seq, subject, bytes: placed.bytes, at, expires, marker });
        } else {
            // What stays of it is that its sequence was used.
            writer.remove_one(self.id, seq);
        }
        self.remove(&placed.removals, writer);
    }

    pub(super) fn remove(&mut self, removals: &Removals, writer: &mut Writer) {
        self.heads.remove(removals);
        writer.remove(self.id, removals);
    }

    /// A message is read again from the journal.
    pub(super) fn restore(&mut self, seq: u64, record: &Record<'_>, now: Timestamp) {
        let head = record.head(seq);
        self.hub.stream.stored(&head, &wishes(record.headers).unwrap_or_default(), now);
        self.heads.insert(head);
    }

    /// All messages are read; `last` is the greatest sequence that the stream ever had.
    pub(super) fn restored(&mut self, last: u64, now: Timestamp) {
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
            self.hub.stream.used(&head, &Wishes::default());
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
