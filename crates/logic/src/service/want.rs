//! Which slots shall have an instance, and how it is treated.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use model::Gather;

use super::{Settings, Wanted, slot::SlotState};

/// Which slots shall have an instance.
pub(super) struct Wants {
    /// Those of the service.
    settings: Arc<Settings>,
    slots: BTreeMap<u32, Want>,
}

enum Want {
    Own,
    Other { settings: Arc<Settings>, once: bool },
}

impl Wants {
    pub(super) fn new(settings: Settings, slots: BTreeSet<u32>) -> Self {
        Self { settings: Arc::new(settings), slots: slots.into_iter().map(|index| (index, Want::Own)).gather() }
    }

    pub(super) fn contains(&self, index: u32) -> bool {
        self.slots.contains_key(&index)
    }

    pub(super) fn is_once(&self, index: u32) -> bool {
        matches!(self.slots.get(&index), Some(Want::Other { once: true, .. }))
    }

    pub(super) fn is_own(&self, index: u32) -> bool {
        matches!(self.slots.get(&index), Some(Want::Own))
    }

    pub(super) fn count(&self) -> u32 {
        u32::try_from(self.slots.len()).unwrap_or(u32::MAX)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = u32> {
        self.slots.keys().copied()
    }

    pub(super) fn own(&self) -> impl Iterator<Item = u32> {
        self.all().filter(|index| self.is_own(*index))
    }

    /// How an instance in this slot is treated.
    pub(super) fn settings(&self, index: u32) -> &Arc<Settings> {
        if let Some(Want::Other { settings, .. }) = self.slots.get(&index) { settings } else { &self.settings }
    }

    /// The free slots, the lowest first.
    pub(super) fn free(&self, used: &BTreeMap<u32, SlotState>) -> impl Iterator<Item = u32> {
        (1..).filter(|index| !self.contains(*index) && !used.contains_key(index))
    }

    /// Keeps the lowest ones and adds the lowest free ones. A slot that still ends is not free: it may be of another
    /// release.
    pub(super) fn scale(&mut self, count: u32, used: &BTreeMap<u32, SlotState>) {
        let have: Vec<_> = self.own().collect();
        let count = count as usize;
        let more: Vec<_> = self.free(used).take(count.saturating_sub(have.len())).collect();
        self.slots.extend(more.into_iter().map(|index| (index, Want::Own)));
        have.into_iter().skip(count).for_each(|index| self.remove(index));
    }

    pub(super) fn add(&mut self, index: u32, wanted: Wanted) {
        let other = |settings, once| Want::Other { settings: Arc::new(settings), once };
        self.slots.entry(index).or_insert_with(|| match wanted {
            Wanted::Own => Want::Own,
            Wanted::Other(settings) => other(settings, false),
            Wanted::Once(settings) => other(settings, true),
        });
    }

    pub(super) fn remove(&mut self, index: u32) {
        self.slots.remove(&index);
    }

    /// These are the service's settings from now on, and whatever is wanted is the service's.
    pub(super) fn settle(&mut self, settings: Settings) {
        self.settings = Arc::new(settings);
        self.slots.values_mut().for_each(|want| *want = Want::Own);
    }
}
