//! What the journal keeps of one consumer.

use journal::Journal;
use logic::consumer::{Change, Consumer, Snapshot};
use model::{ServiceName, Timestamp, streams::ConsumerConfig};
use serde::{Deserialize, Serialize};

use super::{
    change::{self, State},
    writer::Writer,
};

/// With so many changes more than a consumer's state has entries, the state is written as a whole in their place.
const CHANGES_MAX: usize = 512;

/// What the journal keeps of a consumer beside its state, as JSON under the key `consumer`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Description {
    /// The number of its stream.
    pub(super) stream: u64,
    pub(super) config: ConsumerConfig,
    pub(super) created: Timestamp,
    /// The service that made it, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) creator: Option<ServiceName>,
    /// Its state at first, where that is no more than a position.
    pub(super) position: u64,
}

/// A description, as it stands in the journal.
#[derive(Serialize, Deserialize)]
struct Tagged {
    consumer: Description,
}

impl Description {
    pub(super) fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(&Tagged { consumer: self.clone() }).expect("it has string keys only")
    }

    /// `None` if a stream of the journal is none of a consumer.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        // By a value, as answers of servers are read: the configuration is large, and compiled once then.
        let tagged: Tagged = serde_json::from_value(serde_json::from_slice(bytes).ok()?).ok()?;
        Some(tagged.consumer)
    }
}

/// The state of a consumer in the journal: records of changes after one of it as a whole.
#[derive(Debug)]
pub(super) struct Ledger {
    /// The position that the consumer began with.
    pub(super) position: u64,
    /// The last record.
    last: u64,
    /// Changes that are not written yet.
    waiting: Vec<u8>,
    /// Changes since the last record of the state as a whole, those that wait among them.
    changes: usize,
}

impl Ledger {
    /// Of a new consumer that begins at a position.
    pub(super) fn new(position: u64) -> Self {
        Self { position, last: 0, waiting: Vec::new(), changes: 0 }
    }

    /// Takes a change that is to be written; says whether it is the first since [`Ledger::write`].
    pub(super) fn note(&mut self, change: &Change) -> bool {
        let is_first = self.waiting.is_empty();
        if is_first {
            self.waiting = change::changes();
        }
        change::put_change(change, &mut self.waiting);
        self.changes += 1;
        is_first
    }

    /// Writes what waits, or the state as a whole if that is less in the long run.
    pub(super) fn write(&mut self, id: u64, consumer: &Consumer, writer: &mut Writer) {
        let waiting = std::mem::take(&mut self.waiting);
        if self.changes > CHANGES_MAX + consumer.state_len() {
            self.write_whole(id, &change::snapshot(&consumer.snapshot()), writer);
        } else if !waiting.is_empty() {
            self.last += 1;
            writer.append_state(id, self.last, &waiting, false);
        }
    }

    /// Writes the state as a whole.
    pub(super) fn write_whole(&mut self, id: u64, snapshot: &[u8], writer: &mut Writer) {
        (self.last, self.changes) = (self.last + 1, 0);
        writer.append_state(id, self.last, snapshot, true);
    }

    /// Reads the state again.
    ///
    /// # Errors
    /// What cannot be read.
    pub(super) fn read(id: u64, position: u64, journal: &Journal) -> Result<(Self, Restored), String> {
        let mut restored = (Snapshot { position, ..Snapshot::default() }, Vec::new());
        for record in journal.records(id, 1) {
            let (seq, bytes) = record.map_err(|error| error.to_string())?;
            match change::read(&bytes).ok_or_else(|| format!("record {seq}"))? {
                State::Snapshot(snapshot) => restored = (snapshot, Vec::new()),
                State::Changes(mut changes) => restored.1.append(&mut changes),
            }
        }
        let last = journal.bounds(id).unwrap_or_default().last;
        Ok((Self { last, changes: restored.1.len(), ..Self::new(position) }, restored))
    }
}

/// The last record of a state as a whole, and the changes after it.
pub(super) type Restored = (Snapshot, Vec<Change>);
