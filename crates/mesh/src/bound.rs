//! A bound that all workers share: how many may be inside at a time, exactly, in the order in which they came.
//!
//! Who finds room and nobody in line enters by one atomic step. Who does not stands in line; who leaves lets the first ones in. The line
//! is locked only by those that wait, and by those that let them in.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
};

use crate::place::{Held, Place, Ticket};

/// Alone on its cache line.
#[derive(Default)]
#[repr(align(64))]
pub(crate) struct Padded<T>(pub(crate) T);

/// One more inside, one more in line, and one more that is held: their numbers share a word.
const INSIDE: u64 = 1;
pub(crate) const WAITING: u64 = 1 << 24;
pub(crate) const HELD: u64 = 1 << 44;
/// The most that fit into the word, each above what a policy may ask for.
const INSIDE_MAX: u32 = (1 << 24) - 1;
const QUEUE_MAX: u32 = (1 << 20) - 1;

/// How many are inside, and those that wait for room.
#[derive(Default)]
pub(crate) struct Bound {
    word: Padded<AtomicU64>,
    line: Mutex<VecDeque<Arc<Ticket>>>,
}

/// What the word says.
#[derive(Clone, Copy)]
struct Numbers {
    inside: u32,
    waiting: u32,
    held: u32,
}

impl Numbers {
    #[allow(clippy::cast_possible_truncation, reason = "each is cut down to its bits before")]
    fn of(word: u64) -> Self {
        let [inside, waiting] = [word % WAITING, word % HELD / WAITING];
        Self { inside: inside as u32, waiting: waiting as u32, held: (word / HELD) as u32 }
    }

    fn has_room(self, max: u32) -> bool {
        self.waiting == 0 && self.inside < max.min(INSIDE_MAX)
    }

    fn queued(self) -> u32 {
        self.waiting + self.held
    }
}

/// How somebody comes in.
pub(crate) enum Entry<'a> {
    Inside,
    InLine(Place<'a>),
}

impl Bound {
    /// Enters if fewer than `max` are inside and nobody is in line.
    pub(crate) fn try_enter(&self, max: u32) -> bool {
        self.update(|numbers| numbers.has_room(max).then_some(INSIDE)).is_some()
    }

    /// Enters, or takes the last place in line; `None` if `queue_max` wait already.
    pub(crate) fn enter(&self, max: u32, queue_max: u32) -> Option<Entry<'_>> {
        let mut line = self.line();
        let has_place = |numbers: Numbers| numbers.queued() < queue_max.min(QUEUE_MAX);
        let step =
            |numbers: Numbers| if numbers.has_room(max) { Some(INSIDE) } else { has_place(numbers).then_some(WAITING) };
        if self.update(step)?.has_room(max) {
            return Some(Entry::Inside);
        }
        let ticket = Arc::new(Ticket::new(max));
        line.push_back(ticket.clone());
        Some(Entry::InLine(Place::new(self, ticket)))
    }

    /// Makes room for one more; of those in line, as many enter as leave fewer than `max` inside. Must follow each entry once.
    pub(crate) fn leave(&self, max: u32) {
        let before = Numbers::of(self.word.0.fetch_sub(INSIDE, SeqCst));
        if before.waiting > 0 {
            self.let_in(max);
        }
    }

    #[cold]
    fn let_in(&self, max: u32) {
        let mut line = self.line();
        while let Some(first) = line.front() {
            let most = max.min(first.max);
            // From waiting to inside, in one step.
            let enter = |numbers: Numbers| (numbers.inside < most).then_some(INSIDE.wrapping_sub(WAITING));
            if self.update(enter).is_none() {
                return;
            }
            line.pop_front().into_iter().for_each(|ticket| ticket.call());
        }
    }

    /// Gives a place in line up. If it was called meanwhile, the next one gets its place inside.
    pub(crate) fn give_up(&self, ticket: &Arc<Ticket>) {
        let mut line = self.line();
        if !ticket.was_called() {
            line.retain(|other| !Arc::ptr_eq(other, ticket));
            self.word.0.fetch_sub(WAITING, SeqCst);
            return;
        }
        match line.pop_front_if(|next| self.inside() <= next.max) {
            Some(next) => {
                self.word.0.fetch_sub(WAITING, SeqCst);
                next.call();
            }
            None => {
                self.word.0.fetch_sub(INSIDE, SeqCst);
            }
        }
    }

    /// Counts somebody among those that wait, but not for room; `None` if `queue_max` wait already.
    pub(crate) fn hold(&self, queue_max: u32) -> Option<Held<'_>> {
        let hold = |numbers: Numbers| (numbers.queued() < queue_max.min(QUEUE_MAX)).then_some(HELD);
        self.update(hold).map(|_| Held(self))
    }

    pub(crate) fn release(&self) {
        self.word.0.fetch_sub(HELD, SeqCst);
    }

    pub(crate) fn inside(&self) -> u32 {
        self.numbers().inside
    }

    /// Those that wait, for room or for anything else.
    pub(crate) fn queued(&self) -> u32 {
        self.numbers().queued()
    }

    /// Whether somebody is inside or waits.
    pub(crate) fn is_used(&self) -> bool {
        self.word.0.load(SeqCst) > 0
    }

    fn numbers(&self) -> Numbers {
        Numbers::of(self.word.0.load(SeqCst))
    }

    /// Adds what a step says, unless it says nothing; the numbers before it.
    fn update(&self, step: impl Fn(Numbers) -> Option<u64>) -> Option<Numbers> {
        let next = |word: u64| Some(word.wrapping_add(step(Numbers::of(word))?));
        self.word.0.fetch_update(SeqCst, SeqCst, next).ok().map(Numbers::of)
    }

    fn line(&self) -> MutexGuard<'_, VecDeque<Arc<Ticket>>> {
        self.line.lock().expect("no holder of the lock panics")
    }
}

#[cfg(test)]
mod tests;
