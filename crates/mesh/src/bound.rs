//! A bound that all workers share: how many may be inside at a time, exactly.

use std::sync::atomic::{
    AtomicU32,
    Ordering::{Relaxed, SeqCst},
};

use tokio::sync::{Notify, futures::Notified};

/// Alone on its cache line.
#[derive(Default)]
#[repr(align(64))]
pub(crate) struct Padded<T>(pub(crate) T);

/// How many are inside, and those that wait for room.
#[derive(Default)]
pub(crate) struct Bound {
    inside: Padded<AtomicU32>,
    waiting: Padded<AtomicU32>,
    left: Notify,
}

impl Bound {
    /// Enters if fewer than `max` are inside.
    pub(crate) fn try_enter(&self, max: u32) -> bool {
        let enter = |inside| (inside < max).then_some(inside + 1);
        self.inside.0.fetch_update(SeqCst, SeqCst, enter).is_ok()
    }

    /// Makes room for one more. Must follow each successful [`Bound::try_enter`] once.
    pub(crate) fn leave(&self) {
        self.inside.0.fetch_sub(1, SeqCst);
        if self.waiting.0.load(SeqCst) > 0 {
            self.left.notify_one();
        }
    }

    pub(crate) fn inside(&self) -> u32 {
        self.inside.0.load(Relaxed)
    }

    pub(crate) fn waiting(&self) -> u32 {
        self.waiting.0.load(Relaxed)
    }

    /// Whether somebody is inside or waits.
    pub(crate) fn is_used(&self) -> bool {
        self.inside.0.load(SeqCst) > 0 || self.waiting.0.load(SeqCst) > 0
    }

    /// A place among those that wait, unless `max` wait already.
    pub(crate) fn queue(&self, max: u32) -> Option<Place<'_>> {
        let enter = |waiting| (waiting < max).then_some(waiting + 1);
        self.waiting.0.fetch_update(SeqCst, SeqCst, enter).is_ok().then(|| Place(self))
    }
}

/// A place among those that wait, until it is dropped.
pub(crate) struct Place<'a>(&'a Bound);

impl Place<'_> {
    /// Ends when one may have left after this call: enable it, try to enter, and only then wait.
    pub(crate) fn left(&self) -> Notified<'_> {
        self.0.left.notified()
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.waiting.0.fetch_sub(1, SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        /// However many workers enter and leave at the same time, no more than `max` are inside, and nobody waits for ever.
        #[test]
        fn is_exact_with_any_number_of_workers(workers in prop::sample::select(vec![1_usize, 2, 8]), max in 1_u32..6, rounds in 1_u32..60) {
            let bound = Arc::new(Bound::default());
            let seen = Arc::new(AtomicU32::new(0));
            let threads: Vec<_> = (0..workers)
                .map(|_| {
                    let (bound, seen) = (bound.clone(), seen.clone());
                    std::thread::spawn(move || {
                        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                        runtime.block_on(async {
                            for _ in 0..rounds {
                                enter(&bound, max).await;
                                let inside = seen.fetch_add(1, SeqCst) + 1;
                                assert!(inside <= max, "{inside} of {max}");
                                tokio::task::yield_now().await;
                                seen.fetch_sub(1, SeqCst);
                                bound.leave();
                            }
                        });
                    })
                })
                .collect();
            for thread in threads {
                thread.join().unwrap();
            }
            prop_assert_eq!((bound.inside(), bound.waiting()), (0, 0));
        }
    }

    async fn enter(bound: &Bound, max: u32) {
        if bound.try_enter(max) {
            return;
        }
        let place = bound.queue(u32::MAX).unwrap();
        loop {
            let mut left = std::pin::pin!(place.left());
            left.as_mut().enable();
            if bound.try_enter(max) {
                return;
            }
            left.await;
        }
    }

    #[test]
    fn the_queue_is_bounded() {
        let bound = Bound::default();
        let first = bound.queue(1);
        assert!(first.is_some() && bound.queue(1).is_none());
        drop(first);
        assert!(bound.queue(1).is_some());
    }
}
