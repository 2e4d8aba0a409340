use std::{
    collections::VecDeque,
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
        let Some(Entry::InLine(mut place)) = bound.enter(0, max, u32::MAX) else { return };
        if bound.inside() % 2 == 1 {
            return place.entered().await;
        }
        tokio::task::yield_now().await;
    }
}

#[derive(Debug, Clone, Copy)]
enum Step {
    /// Somebody of this lane.
    Come(usize),
    Leave,
    /// Somebody in line has gone.
    GiveUp(usize, prop::sample::Index),
    /// The first one has gone just when it was called.
    LeaveAndGiveUp,
}

fn step() -> impl Strategy<Value = Step> {
    let lane = 0..LANES;
    prop_oneof![
        4 => lane.clone().prop_map(Step::Come),
        3 => Just(Step::Leave),
        1 => (lane, any::<prop::sample::Index>()).prop_map(|(lane, index)| Step::GiveUp(lane, index)),
        1 => Just(Step::LeaveAndGiveUp),
    ]
}

const LANES: usize = 3;

/// The line as it should be, beside the bound.
struct Model<'a> {
    bound: &'a Bound,
    /// How many may be inside, for each lane.
    max: [u32; LANES],
    inside: u32,
    came: u32,
    /// Each with its number among all that came.
    lanes: [VecDeque<(u32, Place<'a>)>; LANES],
}

impl Model<'_> {
    fn step(&mut self, step: Step) {
        match step {
            Step::Come(lane) => self.come(lane),
            Step::GiveUp(lane, index) if !self.lanes[lane].is_empty() => {
                drop(self.lanes[lane].remove(index.index(self.lanes[lane].len())));
            }
            Step::Leave | Step::LeaveAndGiveUp if self.inside > 0 => {
                self.bound.leave(u32::MAX);
                self.inside -= 1;
                if let (Step::LeaveAndGiveUp, Some(lane)) = (step, self.first()) {
                    self.lanes[lane].pop_front();
                }
            }
            _ => {}
        }
    }

    fn come(&mut self, lane: usize) {
        let number = u32::try_from(lane).unwrap();
        match self.bound.enter(number, self.max[lane], 1000).expect("there is room in line") {
            Entry::Inside => {
                assert!(self.lanes[lane].is_empty(), "a newcomer has overtaken its lane");
                self.inside += 1;
                assert!(self.inside <= self.max[lane]);
            }
            Entry::InLine(place) => self.lanes[lane].push_back((self.came, place)),
        }
        self.came += 1;
    }

    /// The lane of the first one for whom there is room.
    fn first(&self) -> Option<usize> {
        let has_room = |lane: &usize| self.inside < self.max[*lane] && !self.lanes[*lane].is_empty();
        (0..LANES).filter(has_room).min_by_key(|lane| self.lanes[*lane][0].0)
    }

    /// Those that were called go in, and they must be the first ones.
    fn settle(&mut self) {
        while let Some(lane) = self.first() {
            let (_, mut first) = self.lanes[lane].pop_front().unwrap();
            assert!(was_called(&mut first), "there is room, and the first one still waits");
            self.inside += 1;
        }
        let waiting = self.lanes.iter_mut().flatten();
        assert!(!waiting.map(|(_, place)| place).any(was_called), "somebody went in out of turn");
        let queued = self.lanes.iter().map(VecDeque::len).sum::<usize>();
        assert!(queued == 0 || !self.bound.try_enter(u32::MAX), "a newcomer overtakes the line");
        assert_eq!((self.bound.inside(), self.bound.queued()), (self.inside, u32::try_from(queued).unwrap()));
    }
}

fn was_called(place: &mut Place<'_>) -> bool {
    pin!(place.entered()).poll(&mut Context::from_waker(Waker::noop())).is_ready()
}

proptest! {
    /// Nobody overtakes within a lane; a lane without room keeps no other one waiting, and all are counted together.
    #[test]
    fn whoever_comes_first_enters_first(max in prop::array::uniform3(1_u32..5), steps in prop::collection::vec(step(), 1..200)) {
        let bound = Bound::default();
        let mut model = Model { bound: &bound, max, inside: 0, came: 0, lanes: Default::default() };
        for step in steps {
            model.step(step);
            model.settle();
        }
    }
}

/// Those of a strict policy wait for as long as the others fill it, and nobody waits for them.
#[test]
fn a_strict_policy_keeps_only_its_own_out() {
    let bound = Bound::default();
    assert!(bound.try_enter(4) && bound.try_enter(4));
    let Some(Entry::InLine(mut strict)) = bound.enter(1, 1, 9) else { panic!("two are inside") };
    assert!(matches!(bound.enter(0, 4, 9), Some(Entry::Inside)));
    assert!(matches!(bound.enter(1, 1, 9), Some(Entry::InLine(_))), "that one comes after the first of its lane");
    bound.leave(u32::MAX);
    bound.leave(u32::MAX);
    assert!(!was_called(&mut strict));
    bound.leave(u32::MAX);
    assert!(was_called(&mut strict) && !bound.try_enter(1));
}

#[test]
fn room_that_grows_and_shrinks() {
    let bound = Bound::default();
    let _entries: Vec<_> = (0..5).map(|_| bound.enter(0, 2, 9)).collect();
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
    assert!(bound.enter(0, 1, 1).is_none());
    drop(first);
    let place = bound.enter(0, 1, 1);
    assert!(matches!(place, Some(Entry::InLine(_))) && bound.hold(1).is_none());
}
