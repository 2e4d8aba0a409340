//! Bytes on their way, and what the figures have heard of them.

use std::cell::Cell;

/// Bytes on their way. The figures hear of them as they pass, in large pieces, and of the rest at the end.
pub(crate) struct Passing {
    total: Cell<u64>,
    told: Cell<u64>,
}

/// More than a body that may be sent again: what the figures have heard of is not taken back.
const TOLD_FROM: u64 = 64 * 1024;

impl Passing {
    pub(crate) fn new(bytes: usize) -> Self {
        Self { total: Cell::new(bytes as u64), told: Cell::new(0) }
    }

    pub(crate) fn add(&self, bytes: usize, tell: impl FnOnce(u64)) {
        self.total.set(self.total.get() + bytes as u64);
        if self.untold() >= TOLD_FROM {
            tell(self.untold());
            self.told.set(self.total.get());
        }
    }

    /// The request is sent again from here.
    pub(crate) fn rewind(&self, bytes: usize) {
        self.total.set((bytes as u64).max(self.told.get()));
    }

    pub(crate) fn total(&self) -> u64 {
        self.total.get()
    }

    /// What the figures have not heard of.
    pub(crate) fn untold(&self) -> u64 {
        self.total.get() - self.told.get()
    }
}
