//! A bound that all workers share: how many may be inside at a time, exactly, in the order in which they came.
//!
//! Who finds room and nobody in line enters by one atomic step. Who does not stands in line; who leaves lets the first ones in. The line
//! is locked only by those that wait, and by those that let them in. All are counted together, and each enters where fewer are inside than
//! its own policy allows.

use std::sync::{
    Arc, Mutex, MutexGuard,
    atomic::{AtomicU64, Ordering::SeqCst},
};

use crate::{
    line::Line,
    place::{Held, Place, Ticket},
};

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
    line: Mutex<Line>,
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
        self.inside < max.min(INSIDE_MAX)
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
        self.update(|numbers| (numbers.waiting == 0 && numbers.has_room(max)).then_some(INSIDE)).is_some()
    }

    /// Enters, or takes the last place in its lane of the line; `None` if `queue_max` wait already.
    pub(crate) fn enter(&self, lane: u32, max: u32, queue_max: u32) -> Option<Entry<'_>> {
        let mut line = self.line();
        let enters = |numbers: Numbers| numbers.has_room(max) && line.lets_pass(lane, numbers.inside);
        let has_place = |numbers: Numbers| numbers.queued() < queue_max.min(QUEUE_MAX);
        let step = |numbers| if enters(numbers) { Some(INSIDE) } else { has_place(numbers).then_some(WAITING) };
        if enters(self.update(step)?) {
            return Some(Entry::Inside);
        }
        let ticket = Arc::new(Ticket::new(lane, max));
        line.push(ticket.clone());
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
        // While somebody is in line, only who holds it lets anybody in.
        while let Some(first) = line.pop(|ticket| self.numbers().has_room(max.min(ticket.max))) {
            self.word.0.fetch_add(INSIDE.wrapping_sub(WAITING), SeqCst);
            first.call();
        }
    }

    /// Whether somebody in line may enter where so many are inside.
    #[cold]
    pub(crate) fn would_let_in(&self, inside: u32) -> bool {
        self.line().would_let_in(inside)
    }

    /// Gives a place in line up. If it was called meanwhile, the next one gets its place inside.
    pub(crate) fn give_up(&self, ticket: &Arc<Ticket>) {
        let mut line = self.line();
        if !ticket.was_called() {
            line.remove(ticket);
            self.word.0.fetch_sub(WAITING, SeqCst);
            return;
        }
        match line.pop(|next| self.inside() <= next.max) {
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

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().expect("no holder of the lock panics")
    }
}

#[cfg(test)]
mod tests;
