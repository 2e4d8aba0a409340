//! What a consumer must remember: its state as a whole, and each change of it.

use model::Timestamp;

use super::{Consumer, Pending, Settings, View, ahead::Ahead};

/// The durable state of a consumer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// The last message that was delivered for the first time, or passed over.
    pub position: u64,
    /// Until here, only `initial` is delivered.
    pub boundary: u64,
    /// What is left of the last messages of their subjects, in order.
    pub initial: Vec<u64>,
    /// Deliveries so far.
    pub consumer_seq: u64,
    /// The last message that was delivered.
    pub stream_seq: u64,
    /// When that was.
    pub last_at: Option<Timestamp>,
    /// Messages that wait for an acknowledgement, in order.
    pub outstanding: Vec<(u64, Pending)>,
    /// It delivers nothing before.
    pub paused_until: Option<Timestamp>,
}

/// A change of the durable state. Changes are read again in the order in which they were recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// A message was delivered.
    Delivered {
        /// Its sequence in the stream.
        seq: u64,
        /// The count of this delivery.
        consumer_seq: u64,
        /// How often it was delivered, this time included.
        deliveries: u64,
        /// When.
        at: Timestamp,
        /// When it comes again; `None` if it needs no acknowledgement.
        due: Option<Timestamp>,
    },
    /// A message comes again at another time.
    Delayed {
        /// Its sequence in the stream.
        seq: u64,
        /// When.
        due: Timestamp,
    },
    /// A message needs no acknowledgement any more.
    Done {
        /// Its sequence in the stream.
        seq: u64,
        /// So do all before it.
        through: bool,
    },
    /// It delivers nothing before.
    Paused(Option<Timestamp>),
    /// It goes on after this sequence. What was delivered of it waits for no acknowledgement any more.
    Rewound(u64),
}

impl Consumer {
    /// Its durable state.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            position: self.ahead.position,
            boundary: self.ahead.boundary,
            initial: self.ahead.first_part(),
            consumer_seq: self.consumer_seq,
            stream_seq: self.stream_seq,
            last_at: self.last_at,
            outstanding: self.outstanding.iter().collect(),
            paused_until: self.paused_until,
        }
    }

    /// How many messages its durable state names.
    pub fn state_len(&self) -> usize {
        usize::try_from(self.outstanding.len()).unwrap_or(usize::MAX) + self.ahead.first_part_len()
    }

    /// The consumer as it was, after the changes that were recorded since. Nobody waits for messages yet.
    pub fn restore(
        settings: Settings,
        snapshot: Snapshot,
        changes: impl IntoIterator<Item = Change>,
        view: View<'_>,
        now: Timestamp,
    ) -> Self {
        let ahead = Ahead::new(&settings.config, snapshot.position, snapshot.boundary, snapshot.initial);
        let mut consumer = Self::empty(settings, ahead, now);
        consumer.consumer_seq = snapshot.consumer_seq;
        consumer.stream_seq = snapshot.stream_seq;
        consumer.last_at = snapshot.last_at;
        consumer.paused_until = snapshot.paused_until;
        for (seq, pending) in snapshot.outstanding {
            consumer.outstanding.insert(seq, pending);
        }
        for change in changes {
            consumer.apply(change);
            if let Change::Delivered { seq, deliveries: 1, .. } = change {
                consumer.ahead.passed(seq);
            }
        }
        consumer.outstanding.wait_from(now);
        let gone: Vec<u64> =
            consumer.outstanding.iter().map(|(seq, _)| seq).filter(|seq| view.stored.get(*seq).is_none()).collect();
        gone.into_iter().for_each(|seq| consumer.outstanding.remove(seq));
        consumer.ahead.count(view);
        consumer
    }

    /// Carries a change out: now, or again after a restart.
    pub(super) fn apply(&mut self, change: Change) {
        match change {
            Change::Delivered { seq, consumer_seq, deliveries, at, due } => {
                (self.consumer_seq, self.stream_seq, self.last_at) = (consumer_seq, self.stream_seq.max(seq), Some(at));
                if let Some(due) = due {
                    let first = self.outstanding.get(seq).map(|pending| (pending.consumer_seq, pending.first_at));
                    let (consumer_seq, first_at) = first.unwrap_or((consumer_seq, at));
                    self.outstanding.insert(seq, Pending { consumer_seq, deliveries, first_at, at, due, client: 0 });
                }
            }
            Change::Delayed { seq, due } => {
                if let Some(pending) = self.outstanding.get(seq).copied() {
                    self.outstanding.insert(seq, Pending { due, ..pending });
                }
            }
            Change::Done { seq, through: true } => self.outstanding.drop_before(seq + 1),
            Change::Done { seq, through: false } => self.outstanding.remove(seq),
            Change::Paused(until) => self.paused_until = until,
            Change::Rewound(position) => {
                self.stream_seq = position;
                self.outstanding.drop_after(position);
                self.ahead.go_to(position);
            }
        }
    }
}
