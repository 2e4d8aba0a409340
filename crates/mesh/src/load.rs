//! What a service has to do: the requests in flight to it, of all connections, and how many may be.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};

use crate::bound::Bound;

/// The load of a service.
#[derive(Default)]
pub(crate) struct Load {
    pub(crate) in_flight: Bound,
    adaptive: AtomicBool,
    limit: AtomicU32,
}

impl Load {
    /// Whether the latency limits the requests in flight.
    pub(crate) fn adapt(&self, adaptive: bool) {
        self.adaptive.store(adaptive, Relaxed);
    }

    /// How many requests may be in flight; `None` where nothing limits it.
    pub(crate) fn limit(&self) -> Option<u32> {
        let limit = self.limit.load(Relaxed);
        (limit > 0 && self.adaptive.load(Relaxed)).then_some(limit)
    }
}
