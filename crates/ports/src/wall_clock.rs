//! The time that is compared with other clocks than ours.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use model::Timestamp;

use crate::clock::Clock;

/// The host's clock may be off by so much and nobody is told.
const SLACK: Duration = Duration::from_secs(5);

/// For what is stamped and read by others: follows the host's clock forward, at once, and never goes back. Where the host's
/// is set back it goes on evenly.
pub struct WallClock {
    clock: Arc<dyn Clock>,
    /// How far the host's clock has been set forward, in microseconds.
    ahead: AtomicU64,
}

impl WallClock {
    /// Begins with the host's time.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, ahead: AtomicU64::new(0) }
    }
}

impl Clock for WallClock {
    fn now(&self) -> Timestamp {
        // In this order: time that passes in between is no step.
        let host = self.clock.host();
        let now = self.clock.now();
        let (step, known) = (host.0.saturating_sub(now.0), self.ahead.load(Relaxed));
        let ahead = if step > known { self.ahead.fetch_max(step, Relaxed).max(step) } else { known };
        now + Duration::from_micros(ahead)
    }

    fn host(&self) -> Timestamp {
        self.clock.host()
    }
}

/// Tells that the host's clock was set since this one began.
pub fn notice(clock: &dyn Clock) -> Option<String> {
    let (host, now) = (clock.host(), clock.now());
    let (ahead, behind) = (host.since(now), now.since(host));
    if ahead > SLACK {
        let by = ahead.as_secs();
        Some(format!(
            "the host's clock was set forward by {by} s, or it slept: topics and logs follow it, all other times do after \
             `isles down` and `isles up`"
        ))
    } else if behind > SLACK {
        let by = behind.as_secs();
        Some(format!(
            "the host's clock was set back by {by} s: Isles' goes on as before, until `isles down` and `isles up`"
        ))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000;

    #[derive(Default)]
    struct Host {
        now: AtomicU64,
        host: AtomicU64,
    }

    impl Clock for Host {
        fn now(&self) -> Timestamp {
            Timestamp(self.now.load(Relaxed) * SECOND)
        }

        fn host(&self) -> Timestamp {
            Timestamp(self.host.load(Relaxed) * SECOND)
        }
    }

    #[test]
    fn it_follows_the_host_forward_and_never_goes_back() {
        let host = Arc::new(Host::default());
        let clock = WallClock::new(host.clone());
        for (now, set, expected, told) in [
            (100, 100, 100, None),
            (110, 110, 110, None),
            (111, 105, 111, Some("set back by 6 s")),
            (112, 90_112, 90_112, Some("set forward by 90000 s")),
            (113, 113, 90_113, None),
            (200, 90_200, 90_200, Some("set forward by 90000 s")),
        ] {
            host.now.store(now, Relaxed);
            host.host.store(set, Relaxed);
            assert_eq!(clock.now(), Timestamp(expected * SECOND), "{now}");
            let notice = notice(&*host);
            assert_eq!(notice.is_some(), told.is_some(), "{now}: {notice:?}");
            assert!(notice.unwrap_or_default().contains(told.unwrap_or_default()), "{now}");
        }
    }
}
