//! The clock: the only place that reads the time.

use std::{
    sync::Mutex,
    time::{Duration, Instant, SystemTime},
};

use model::Timestamp;
use serde::{Deserialize, Serialize};

/// Gives the time.
pub trait Clock: Send + Sync + 'static {
    /// Now, for decisions: goes on evenly, whatever becomes of the host's clock.
    fn now(&self) -> Timestamp;

    /// The host's clock, which may be set; see [`crate::wall_clock::WallClock`].
    fn host(&self) -> Timestamp {
        self.now()
    }
}

/// The host's clock: wall time at the start, and monotonic from there.
pub struct HostClock {
    wall: Timestamp,
    start: Instant,
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
    /// Begins with the wall clock's time.
    #[allow(clippy::disallowed_methods, reason = "the clock port is where the time is read")]
    pub fn start() -> Self {
        Self { wall: wall(), start: Instant::now() }
    }

    /// Goes on with the time of an earlier process. After a boot the wall clock counts.
    pub fn resume(earlier: &Anchor) -> Self {
        let clock = Self::start();
        let now = clock.anchor();
        let is_same_boot = now.boot == earlier.boot && !now.boot.is_empty();
        let passed = now.since_boot.saturating_sub(earlier.since_boot);
        let wall = if is_same_boot { earlier.at + passed } else { clock.wall.max(earlier.at) };
        Self { wall, ..clock }
    }

    /// What a later process goes on by.
    pub fn anchor(&self) -> Anchor {
        let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned();
        Anchor { boot, since_boot: since_boot(), at: self.now() }
    }
}

#[allow(clippy::disallowed_methods, reason = "the clock port is where the time is read")]
fn wall() -> Timestamp {
    Timestamp(0) + SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

#[cfg(target_os = "linux")]
fn since_boot() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    Duration::try_from(now).unwrap_or_default()
}

#[cfg(not(target_os = "linux"))]
fn since_boot() -> Duration {
    Duration::ZERO
}

impl Clock for HostClock {
    fn now(&self) -> Timestamp {
        self.wall + self.start.elapsed()
    }

    fn host(&self) -> Timestamp {
        wall()
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
