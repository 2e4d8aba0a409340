//! How many requests a worker has for a service, in flight or held, and their integral over time. Nothing is sampled: both
//! change with every request. One writer, any reader, no lock.

use std::{
    sync::atomic::{
        AtomicU64,
        Ordering::{Acquire, Relaxed, Release},
        fence,
    },
    time::Duration,
};

use model::Timestamp;
use ports::traffic;

/// The requests of one worker. A reader that meets the writer reads again (a sequence lock, as in H.-J. Boehm, "Can Seqlocks
/// Get Along with Programming Language Memory Models?", 2012).
#[derive(Default)]
#[repr(align(64))]
pub(crate) struct Busy {
    /// Odd while the others change.
    version: AtomicU64,
    requests: AtomicU64,
    /// The microseconds at which requests ended, less those at which they and the ones that are still there began.
    micros: AtomicU64,
}

impl Busy {
    /// A request has come. Only its worker may.
    pub(crate) fn begin(&self, at: Timestamp) {
        self.change(1, at.0.wrapping_neg());
    }

    /// A request has ended. Only its worker may.
    pub(crate) fn end(&self, at: Timestamp) {
        self.change(1_u64.wrapping_neg(), at.0);
    }

    fn change(&self, requests: u64, micros: u64) {
        let version = self.version.load(Relaxed);
        self.version.store(version.wrapping_add(1), Relaxed);
        fence(Release);
        self.requests.store(self.requests.load(Relaxed).wrapping_add(requests), Relaxed);
        self.micros.store(self.micros.load(Relaxed).wrapping_add(micros), Relaxed);
        self.version.store(version.wrapping_add(2), Release);
    }

    /// Requests and microseconds that belong together.
    fn read(&self) -> (u64, u64) {
        loop {
            let version = self.version.load(Acquire);
            let numbers = (self.requests.load(Relaxed), self.micros.load(Relaxed));
            fence(Acquire);
            if version.is_multiple_of(2) && self.version.load(Relaxed) == version {
                return numbers;
            }
            std::thread::yield_now();
        }
    }
}

/// The sum of all workers; `now` is read after their numbers, so that nothing has begun after it.
pub(crate) fn sum(workers: &[Busy], now: impl FnOnce() -> Timestamp) -> traffic::Load {
    let add = |(requests, micros): (u64, u64), one: &Busy| {
        let (more, later) = one.read();
        (requests + more, micros.wrapping_add(later))
    };
    let (requests, micros) = workers.iter().fold((0, 0), add);
    let busy = micros.wrapping_add(requests.wrapping_mul(now().0));
    traffic::Load { in_flight: u32::try_from(requests).unwrap_or(u32::MAX), busy: Duration::from_micros(busy) }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    };

    use proptest::prelude::*;

    use super::*;

    const START: Timestamp = Timestamp(1_790_000_000_000_000);

    proptest! {
        /// Against a model that walks through the time in steps.
        #[test]
        fn the_integral_is_exact(steps in prop::collection::vec((0..3_usize, any::<bool>(), 0..10_000_u64), 0..100)) {
            let workers = [Busy::default(), Busy::default(), Busy::default()];
            let (mut there, mut now, mut busy) = ([0_u32; 3], START, 0);
            for (worker, begins, micros) in steps {
                if begins {
                    workers[worker].begin(now);
                    there[worker] += 1;
                } else if there[worker] > 0 {
                    workers[worker].end(now);
                    there[worker] -= 1;
                }
                let in_flight: u32 = there.iter().sum();
                (busy, now) = (busy + u64::from(in_flight) * micros, now + Duration::from_micros(micros));
                let load = traffic::Load { in_flight, busy: Duration::from_micros(busy) };
                prop_assert_eq!(sum(&workers, || now), load);
            }
        }
    }

    /// Each request takes no time at all, so whoever reads a half-written change reads an integral of many years.
    #[test]
    fn nobody_reads_half_a_change() {
        let (workers, over) = (Arc::new([Busy::default()]), Arc::new(AtomicBool::new(false)));
        let (written, ended) = (workers.clone(), over.clone());
        let writer = std::thread::spawn(move || {
            while !ended.load(SeqCst) {
                written[0].begin(START);
                written[0].end(START);
            }
        });
        let loads: Vec<_> = (0..100_000).map(|_| sum(&*workers, || START)).collect();
        over.store(true, SeqCst);
        writer.join().unwrap();
        assert!(loads.iter().all(|load| load.busy.is_zero() && load.in_flight <= 1));
    }
}
