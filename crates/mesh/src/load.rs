//! What a service has to do: the requests that it has yet to answer, of all connections, and how many may be.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};

use logic::gradient::{Gradient, Terms};
use model::{Timestamp, spec::AdaptiveConcurrency};

use crate::{bound::Bound, busy::Busy};

/// The load of a service.
pub(crate) struct Load {
    /// Those whose response has not begun.
    pub(crate) in_flight: Bound,
    /// All requests for it, held ones too, by worker.
    pub(crate) busy: Box<[Busy]>,
    adaptive: AtomicBool,
    limit: AtomicU32,
    /// No request waits for it: a sample that finds it taken is left out.
    gradient: Mutex<Gradient>,
}

impl Load {
    pub(crate) fn new(workers: usize, now: Timestamp) -> Self {
        let gradient = Gradient::new(Terms::default(), now);
        Self {
            in_flight: Bound::default(),
            busy: (0..workers).map(|_| Busy::default()).collect(),
            adaptive: AtomicBool::new(false),
            limit: AtomicU32::new(gradient.limit()),
            gradient: Mutex::new(gradient),
        }
    }

    /// Whether the latency limits the requests in flight, and how far.
    pub(crate) fn adapt(&self, adaptive: AdaptiveConcurrency) {
        let bounds = adaptive.bounds();
        if let Some((min, max)) = bounds {
            let mut gradient = self.gradient.lock().expect("no holder of the lock panics");
            self.limit.store(gradient.keep_within(min, max), Relaxed);
        }
        self.adaptive.store(bounds.is_some(), Relaxed);
    }

    /// How many requests may be in flight; `None` where nothing limits it.
    pub(crate) fn limit(&self) -> Option<u32> {
        self.adaptive.load(Relaxed).then(|| self.limit.load(Relaxed))
    }

    /// The same as a number.
    pub(crate) fn max(&self) -> u32 {
        self.limit().unwrap_or(u32::MAX)
    }

    /// Takes note of how long an instance took to answer.
    pub(crate) fn observe(&self, latency: Duration, now: Timestamp) {
        if !self.adaptive.load(Relaxed) {
            return;
        }
        if let Ok(mut gradient) = self.gradient.try_lock() {
            self.limit.store(gradient.observe(latency, self.in_flight.inside(), now), Relaxed);
        }
    }
}
