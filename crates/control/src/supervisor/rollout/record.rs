//! What is stored of a rollout: all that is of no single service, and a part for each service, so that a change of one is stored
//! without the others.

use std::collections::{BTreeMap, BTreeSet};

use logic::rollout::{Head, Instance, Pair, Snapshot};
use model::{ServiceName, Timestamp, spec::Side, status::Trouble};
use serde::{Deserialize, Serialize};

use super::Rollout;

/// What is stored of a rollout, or what of it is to be stored.
#[derive(Debug, Clone)]
pub(crate) struct RolloutRecord {
    pub(crate) whole: Whole,
    pub(crate) parts: BTreeMap<ServiceName, Part>,
}

/// What is of no single service.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Whole {
    pub(super) number: u64,
    /// The releases' numbers.
    pub(in super::super) from: u64,
    pub(in super::super) to: u64,
    pub(super) began_at: Timestamp,
    snapshot: Head,
    pub(super) seq: u64,
    pub(super) migrated: BTreeSet<ServiceName>,
    pub(super) problem: Option<Trouble>,
    /// So many parts belong to it.
    #[serde(default)]
    parts: usize,
    /// The slots, where the record was written before it had parts.
    #[serde(default, skip_serializing)]
    places: Vec<(Instance, u32)>,
}

/// What is of one service.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Part {
    /// That of its rollout: a part of an earlier one may be left.
    number: u64,
    pair: Pair,
    /// The slot of each instance, which is told by its release and its number.
    slots: Vec<(Side, u32, u32)>,
}

impl RolloutRecord {
    /// What was read; `None` if it is not complete.
    pub(crate) fn read(whole: Whole, parts: impl IntoIterator<Item = Part>) -> Option<Self> {
        let own = parts.into_iter().filter(|part| part.number == whole.number);
        let parts: BTreeMap<_, _> = own.map(|part| (part.pair.service().clone(), part)).collect();
        (parts.len() == whole.parts).then_some(Self { whole, parts })
    }

    pub(super) fn snapshot(&self) -> Snapshot {
        self.whole.snapshot.clone().with(self.parts.values().map(|part| part.pair.clone()))
    }

    /// The slot of each instance.
    pub(super) fn places(&self) -> BTreeMap<Instance, u32> {
        let of_parts = self.parts.iter().flat_map(|(service, part)| {
            let place = |&(side, number, slot)| (Instance { service: service.clone(), side, number }, slot);
            part.slots.iter().map(place).collect::<Vec<_>>()
        });
        self.whole.places.iter().cloned().chain(of_parts).collect()
    }

    fn take(&mut self, newer: Self) {
        self.whole = newer.whole;
        self.parts.extend(newer.parts);
    }
}

impl Whole {
    /// Whether it says what another one says, but for the time.
    fn says(&self, other: &Self) -> bool {
        self.snapshot.says(&other.snapshot)
            && (self.seq, &self.migrated, &self.problem) == (other.seq, &other.migrated, &other.problem)
    }
}

impl Rollout {
    /// What is not stored yet, all of it at first; from now on it counts as stored.
    pub(super) fn take_change(&mut self) -> Option<RolloutRecord> {
        let whole = self.whole();
        let changed = self.machine.snapshot().pairs().iter().filter(|pair| !self.is_stored(pair));
        let parts: BTreeMap<_, _> = changed.map(|pair| (pair.service().clone(), self.part(pair))).collect();
        if parts.is_empty() && self.stored.as_ref().is_some_and(|stored| stored.whole.says(&whole)) {
            return None;
        }
        let change = RolloutRecord { whole, parts };
        match &mut self.stored {
            Some(stored) => stored.take(change.clone()),
            None => self.stored = Some(change.clone()),
        }
        Some(change)
    }

    fn is_stored(&self, pair: &Pair) -> bool {
        let part = self.stored.as_ref().and_then(|stored| stored.parts.get(pair.service()));
        part.is_some_and(|part| part.pair == *pair && part.slots.iter().copied().eq(self.slots_of(pair)))
    }

    fn whole(&self) -> Whole {
        let snapshot = self.machine.snapshot();
        Whole {
            number: self.number,
            from: self.from.number,
            to: self.to.number,
            began_at: self.began_at,
            snapshot: snapshot.head(),
            seq: self.seq,
            migrated: self.migrated.clone(),
            problem: self.problem.clone(),
            parts: snapshot.pairs().len(),
            places: Vec::new(),
        }
    }

    fn part(&self, pair: &Pair) -> Part {
        Part { number: self.number, pair: pair.clone(), slots: self.slots_of(pair).collect() }
    }

    fn slots_of(&self, pair: &Pair) -> impl Iterator<Item = (Side, u32, u32)> {
        self.instances_of(pair.service()).map(|(instance, slot)| (instance.side, instance.number, slot))
    }
}

#[cfg(test)]
mod tests;
