//! Which slots shall have an instance, and how it is treated.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{Settings, slot::SlotState};

/// Which slots shall have an instance.
pub(super) struct Wants {
    /// Those of the service.
    settings: Arc<Settings>,
    slots: BTreeMap<u32, Want>,
}

enum Want {
    /// An instance that is started again when it ends.
    Always,
    /// One of another release, that is not.
    Once(Arc<Settings>),
}

impl Wants {
    pub(super) fn new(settings: Settings, slots: BTreeSet<u32>) -> Self {
        Self { settings: Arc::new(settings), slots: slots.into_iter().map(|index| (index, Want::Always)).collect() }
    }

    pub(super) fn contains(&self, index: u32) -> bool {
        self.slots.contains_key(&index)
    }

    pub(super) fn is_once(&self, index: u32) -> bool {
        matches!(self.slots.get(&index), Some(Want::Once(_)))
    }

    pub(super) fn is_always(&self, index: u32) -> bool {
        matches!(self.slots.get(&index), Some(Want::Always))
    }

    pub(super) fn count(&self) -> u32 {
        u32::try_from(self.slots.len()).unwrap_or(u32::MAX)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = u32> {
        self.slots.keys().copied()
    }

    pub(super) fn always(&self) -> impl Iterator<Item = u32> {
        self.all().filter(|index| self.is_always(*index))
    }

    /// How an instance in this slot is treated.
    pub(super) fn settings(&self, index: u32) -> &Arc<Settings> {
        if let Some(Want::Once(settings)) = self.slots.get(&index) { settings } else { &self.settings }
    }

    /// The free slots, the lowest first.
    pub(super) fn free(&self, used: &BTreeMap<u32, SlotState>) -> impl Iterator<Item = u32> {
        (1..).filter(|index| !self.contains(*index) && !used.contains_key(index))
    }

    /// Keeps the lowest ones and adds the lowest free ones. A slot that still ends is not free: it may be of another
    /// release.
    pub(super) fn scale(&mut self, count: u32, used: &BTreeMap<u32, SlotState>) {
        let have: Vec<_> = self.always().collect();
        let count = count as usize;
        let more: Vec<_> = self.free(used).take(count.saturating_sub(have.len())).collect();
        self.slots.extend(more.into_iter().map(|index| (index, Want::Always)));
        have.into_iter().skip(count).for_each(|index| self.remove(index));
    }

    /// One with settings of its own is wanted once.
    pub(super) fn add(&mut self, index: u32, settings: Option<Settings>) {
        let want = || settings.map_or(Want::Always, |settings| Want::Once(Arc::new(settings)));
        self.slots.entry(index).or_insert_with(want);
    }

    pub(super) fn remove(&mut self, index: u32) {
        self.slots.remove(&index);
    }

    /// These are the service's settings from now on, and whatever is wanted is wanted always.
    pub(super) fn settle(&mut self, settings: Settings) {
        self.settings = Arc::new(settings);
        self.slots.values_mut().for_each(|want| *want = Want::Always);
    }
}
