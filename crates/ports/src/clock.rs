//! The clock: the only place that reads the time.

use std::{
    sync::Mutex,
    time::{Duration, SystemTime},
};

use model::Timestamp;
use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

/// Gives the time.
pub trait Clock: Send + Sync + 'static {
    /// Now. Never goes back.
    fn now(&self) -> Timestamp;
}

/// The host's clock: wall time at the start, and monotonic from there.
pub struct HostClock {
    /// Wall time less monotonic time at the start, in microseconds, modulo 2^64.
    offset: u64,
}

/// A moment, and when that was since the host's boot: by it a later process of the same boot goes on with the same time,
/// though somebody set the host's clock meanwhile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Anchor {
    /// The boot's id; empty where the host has none.
    boot: String,
    since_boot: Duration,
    at: Timestamp,
}

impl HostClock {
    /// Reads the wall clock once.
    #[allow(clippy::disallowed_methods, reason = "the clock port is where the time is read")]
    pub fn start() -> Self {
        let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self::at(Timestamp(0) + wall)
    }

    /// Goes on with the time of an earlier process. After a boot the wall clock counts.
    pub fn resume(earlier: &Anchor) -> Self {
        let clock = Self::start();
        let now = clock.anchor();
        let is_same_boot = now.boot == earlier.boot && !now.boot.is_empty();
        let passed = now.since_boot.saturating_sub(earlier.since_boot);
        Self::at(if is_same_boot { earlier.at + passed } else { now.at.max(earlier.at) })
    }

    /// The clock that shows this now.
    fn at(now: Timestamp) -> Self {
        Self { offset: now.0.wrapping_sub(monotonic()) }
    }

    /// What a later process goes on by.
    pub fn anchor(&self) -> Anchor {
        let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned();
        Anchor { boot, since_boot: since_boot(), at: self.now() }
    }
}

#[cfg(target_os = "linux")]
fn since_boot() -> Duration {
    Duration::try_from(clock_gettime(ClockId::Boottime)).unwrap_or_default()
}

#[cfg(not(target_os = "linux"))]
fn since_boot() -> Duration {
    Duration::ZERO
}

/// Monotonic time in microseconds. It is read for every request, so it takes no way by [`Duration`].
fn monotonic() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec as u64 * 1_000_000 + now.tv_nsec as u64 / 1_000
}

impl Clock for HostClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.offset.wrapping_add(monotonic()))
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

#[cfg(test)]
mod tests {
    use super::*;

    const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);

    #[test]
    fn a_later_process_goes_on_with_the_same_time() {
        let clock = HostClock::start();
        let anchor = clock.anchor();
        let set_back = Anchor { at: anchor.at + WEEK, ..anchor.clone() };
        let after = HostClock::resume(&set_back).now().since(set_back.at);
        assert!(!anchor.boot.is_empty() && after < Duration::from_secs(60), "{after:?}");
        let other_boot = Anchor { boot: "other".into(), at: anchor.at - WEEK, ..anchor };
        assert!(HostClock::resume(&other_boot).now() >= clock.now() - Duration::from_secs(60));
    }
}
