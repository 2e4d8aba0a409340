//! Ids of messages that were published lately.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use model::Timestamp;

/// Ids that a stream remembers at most. About 100 bytes each and the id itself.
pub const IDS_MAX: usize = 1 << 20;

/// The ids of a stream, for the time of its duplicate window. When there are more than [`IDS_MAX`] the oldest are
/// forgotten early, which [`Dedup::since`] shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dedup {
    seqs: HashMap<Arc<str>, u64>,
    order: VecDeque<(Timestamp, Arc<str>)>,
    forgotten: Option<Timestamp>,
}

impl Dedup {
    /// The message that had this id.
    pub fn get(&self, id: &str) -> Option<u64> {
        self.seqs.get(id).copied()
    }

    /// How many ids are remembered.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// The time until which ids had to be forgotten before their window had passed; `None` if that never happened.
    pub fn since(&self) -> Option<Timestamp> {
        self.forgotten
    }

    /// The ids, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u64, Timestamp)> {
        self.order.iter().map(|(at, id)| (id.as_ref(), self.seqs[id], *at))
    }

    /// Remembers an id. Ids come in the order of their times.
    pub(super) fn insert(&mut self, id: &str, seq: u64, at: Timestamp) {
        let id: Arc<str> = id.into();
        if self.seqs.insert(Arc::clone(&id), seq).is_some() {
            return;
        }
        self.order.push_back((at, id));
        if self.order.len() > IDS_MAX {
            self.forgotten = self.drop_oldest();
        }
    }

    /// Forgets what is older than the window.
    pub(super) fn expire(&mut self, window: Duration, now: Timestamp) {
        while self.order.front().is_some_and(|(at, _)| *at + window <= now) {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) -> Option<Timestamp> {
        let (at, id) = self.order.pop_front()?;
        self.seqs.remove(&id);
        Some(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_remembered_for_the_window() {
        let mut dedup = Dedup::default();
        dedup.insert("a", 1, Timestamp(10));
        dedup.insert("b", 2, Timestamp(20));
        for (now, a, b) in [(59, Some(1), Some(2)), (60, None, Some(2)), (69, None, Some(2)), (70, None, None)] {
            dedup.expire(Duration::from_micros(50), Timestamp(now));
            assert_eq!((dedup.get("a"), dedup.get("b")), (a, b), "{now}");
        }
        assert_eq!((dedup.is_empty(), dedup.since()), (true, None));
    }

    #[test]
    fn at_the_bound_the_oldest_is_forgotten_and_it_is_shown() {
        let mut dedup = Dedup::default();
        for i in 0..=IDS_MAX as u64 {
            dedup.insert(&i.to_string(), i + 1, Timestamp(i));
        }
        assert_eq!((dedup.len(), dedup.get("0"), dedup.get("1")), (IDS_MAX, None, Some(2)));
        assert_eq!(dedup.since(), Some(Timestamp(0)));
    }
}
