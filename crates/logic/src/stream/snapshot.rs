//! What a stream must remember so that a restart need not read all its messages.

use std::sync::Arc;

use model::{Timestamp, streams::StreamConfig};

use super::{
    Counts, Entry, Stored, Stream,
    dedup::Dedup,
    expiry::Expiry,
    schedule::{Schedule, Schedules},
};

/// The state of a stream between two decisions, without its batches: those end with the process.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// How many messages, and which.
    pub counts: Counts,
    /// The id of the last message.
    pub last_id: Option<Box<str>>,
    /// Its subjects.
    pub subjects: Vec<(Box<str>, Entry)>,
    /// The ids in its duplicate window, oldest first.
    pub ids: Vec<(Arc<str>, u64, Timestamp)>,
    /// Deadlines of messages that have one.
    pub expiry: Expiry,
    /// Its schedules.
    pub schedules: Vec<(Box<str>, Schedule)>,
}

impl Stream {
    /// Its state now.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            counts: self.counts,
            last_id: self.last_id.clone(),
            subjects: self.index.iter().map(|(subject, entry)| (subject.into(), *entry)).collect(),
            ids: self.dedup.iter().map(|(id, seq, at)| (id.into(), seq, at)).collect(),
            expiry: self.expiry.clone(),
            schedules: self.schedules.iter().map(|(subject, schedule)| (subject.into(), schedule.clone())).collect(),
        }
    }

    /// The stream as it was. What was decided since is told by [`Stream::stored`], [`Stream::used`], [`Stream::removed`]
    /// and [`Stream::cleared`], in order; then [`Stream::recovered`] ends the recovery.
    pub fn restore(config: StreamConfig, snapshot: Snapshot) -> Self {
        let mut dedup = Dedup::default();
        snapshot.ids.iter().for_each(|(id, seq, at)| dedup.insert(id, *seq, *at));
        let mut schedules = Schedules::default();
        snapshot.schedules.into_iter().for_each(|(subject, schedule)| schedules.restore(subject, schedule));
        Self {
            counts: snapshot.counts,
            last_id: snapshot.last_id,
            index: snapshot.subjects.into_iter().collect(),
            dedup,
            expiry: snapshot.expiry,
            schedules,
            ..Self::new(config)
        }
    }

    /// Ends a recovery: `stored` holds what the stream has been told of.
    pub fn recovered(&mut self, stored: &dyn Stored, now: Timestamp) {
        self.stamps.note(self.counts.last_at, now);
        self.dedup.expire(self.config.duplicate_window, now);
        self.age_again(stored.next(0).as_ref());
    }
}
