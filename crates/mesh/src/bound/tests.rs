use std::{
    pin::pin,
    sync::atomic::AtomicU32,
    task::{Context, Waker},
};

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
                            bound.leave(max);
                        }
                    });
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
        prop_assert_eq!((bound.inside(), bound.queued()), (0, 0));
    }
}

/// As requests do, but now and then one gives up when it is already called, and comes again.
async fn enter(bound: &Bound, max: u32) {
    loop {
        if bound.try_enter(max) {
            return;
        }
        let Some(Entry::InLine(mut place)) = bound.enter(max, u32::MAX) else { return };
        if bound.inside() % 2 == 1 {
            return place.entered().await;
        }
        tokio::task::yield_now().await;
    }
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Come,
    Leave,
    /// Somebody in line has gone.
    GiveUp(prop::sample::Index),
    /// The first in line has gone just when it was called.
    LeaveAndGiveUp,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => Just(Step::Come),
        3 => Just(Step::Leave),
        1 => any::<prop::sample::Index>().prop_map(Step::GiveUp),
        1 => Just(Step::LeaveAndGiveUp),
    ]
}

/// The line as it should be, beside the bound.
struct Model<'a> {
    bound: &'a Bound,
    max: u32,
    inside: u32,
    line: VecDeque<Place<'a>>,
}

impl Model<'_> {
    fn step(&mut self, step: Step) {
        match step {
            Step::Come => match self.bound.enter(self.max, 1000).expect("there is room in line") {
                Entry::Inside => {
                    assert!(self.line.is_empty(), "a newcomer has overtaken the line");
                    self.inside += 1;
                }
                Entry::InLine(place) => self.line.push_back(place),
            },
            Step::GiveUp(index) if !self.line.is_empty() => drop(self.line.remove(index.index(self.line.len()))),
            Step::Leave | Step::LeaveAndGiveUp if self.inside > 0 => {
                self.bound.leave(self.max);
                self.inside -= 1;
                if matches!(step, Step::LeaveAndGiveUp) {
                    self.line.pop_front();
                }
            }
            _ => {}
        }
    }

    /// Those that were called go in, and they must be the first ones.
    fn settle(&mut self) {
        while self.line.front_mut().is_some_and(was_called) {
            self.line.pop_front();
            self.inside += 1;
        }
        assert!(!self.line.iter_mut().any(was_called), "somebody has overtaken the first in line");
        assert!(self.inside <= self.max);
        assert!(self.line.is_empty() || self.inside == self.max, "there is room, and they still wait");
        assert!(self.line.is_empty() || !self.bound.try_enter(self.max), "a newcomer overtakes the line");
        let queued = u32::try_from(self.line.len()).unwrap();
        assert_eq!((self.bound.inside(), self.bound.queued()), (self.inside, queued));
    }
}

fn was_called(place: &mut Place<'_>) -> bool {
    pin!(place.entered()).poll(&mut Context::from_waker(Waker::noop())).is_ready()
}

proptest! {
    #[test]
    fn whoever_comes_first_enters_first(max in 1_u32..5, steps in prop::collection::vec(step(), 1..200)) {
        let bound = Bound::default();
        let mut model = Model { bound: &bound, max, inside: 0, line: VecDeque::new() };
        for step in steps {
            model.step(step);
            model.settle();
        }
    }
}

#[test]
fn room_that_grows_and_shrinks() {
    let bound = Bound::default();
    let _entries: Vec<_> = (0..5).map(|_| bound.enter(2, 9)).collect();
    for (max, inside, queued) in [(1, 1, 3), (9, 2, 1), (2, 2, 0), (2, 1, 0)] {
        bound.leave(max);
        assert_eq!((bound.inside(), bound.queued()), (inside, queued), "{max}");
    }
}

#[test]
fn the_queue_is_bounded() {
    let bound = Bound::default();
    let first = bound.hold(1);
    assert!(first.is_some() && bound.hold(1).is_none());
    assert!(bound.try_enter(1), "who waits for something else keeps nobody out");
    assert!(bound.enter(1, 1).is_none());
    drop(first);
    let place = bound.enter(1, 1);
    assert!(matches!(place, Some(Entry::InLine(_))) && bound.hold(1).is_none());
}
