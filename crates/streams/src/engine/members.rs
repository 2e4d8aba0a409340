//! The consumers of a stream beside their machines.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use model::{ServiceName, Timestamp};

use super::ledger::Ledger;

/// The consumers of a stream, by name and by number.
#[derive(Debug, Default)]
pub(super) struct Members {
    by_name: BTreeMap<Arc<str>, u64>,
    by_id: HashMap<u64, Member>,
}

/// A consumer beside its machine.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) name: Arc<str>,
    pub(super) created: Timestamp,
    /// The service that made it, if one did.
    pub(super) creator: Option<ServiceName>,
    /// Its state in the journal; none if it is kept in memory.
    pub(super) ledger: Option<Ledger>,
}

impl Members {
    pub(super) fn insert(&mut self, id: u64, member: Member) {
        self.by_name.insert(member.name.clone(), id);
        self.by_id.insert(id, member);
    }

    pub(super) fn remove(&mut self, id: u64) -> Option<Member> {
        let member = self.by_id.remove(&id)?;
        self.by_name.remove(&member.name);
        Some(member)
    }

    pub(super) fn find(&self, name: &str) -> Option<u64> {
        self.by_name.get(name).copied()
    }

    pub(super) fn get(&self, id: u64) -> Option<&Member> {
        self.by_id.get(&id)
    }

    pub(super) fn get_mut(&mut self, id: u64) -> Option<&mut Member> {
        self.by_id.get_mut(&id)
    }

    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// The numbers, by name.
    pub(super) fn ids(&self) -> impl ExactSizeIterator<Item = u64> {
        self.by_name.values().copied()
    }

    pub(super) fn names(&self) -> impl ExactSizeIterator<Item = &Arc<str>> {
        self.by_name.keys()
    }
}
