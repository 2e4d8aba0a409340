//! The clock: the only place that reads the time.

use std::{
    sync::Mutex,
    time::{Duration, Instant, SystemTime},
};

use model::Timestamp;

/// Gives the time.
pub trait Clock: Send + Sync + 'static {
    /// Now. Never goes back.
    fn now(&self) -> Timestamp;
}

/// The host's clock: wall time at the start, and monotonic from there.
pub struct HostClock {
    wall: Timestamp,
    start: Instant,
}

impl HostClock {
    /// Reads the wall clock once.
    #[allow(clippy::disallowed_methods, reason = "the clock port is where the time is read")]
    pub fn start() -> Self {
        let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self { wall: Timestamp(0) + wall, start: Instant::now() }
    }
}

impl Clock for HostClock {
    fn now(&self) -> Timestamp {
        self.wall + self.start.elapsed()
    }
}

/// A clock that only moves when told to.
#[derive(Default)]
pub struct FakeClock(Mutex<Timestamp>);

impl FakeClock {
    /// Moves the time on.
    ///
    /// # Panics
    /// If another thread panicked while it moved the clock.
    pub fn advance(&self, by: Duration) {
        let mut now = self.0.lock().expect("no holder of the lock panics");
        *now = *now + by;
    }
}

impl Clock for FakeClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().expect("no holder of the lock panics")
    }
}
