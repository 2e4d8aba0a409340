//! What the engine and the journal's thread leave for the server's thread.

use std::{
    io,
    sync::{Arc, Condvar, Mutex, MutexGuard},
    thread,
};

use journal::JournalError;
use model::Timestamp;
use ports::clock::Clock;

use super::answer::Answer;
use crate::server::{Batch, Handle};

/// Answers on their way, and when the engine wants to be woken.
#[derive(Default)]
pub(super) struct Mail {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    letters: Batch,
    wake_at: Option<Timestamp>,
    /// Commits that are not answered yet; the journal bounds what they hold.
    outstanding: usize,
    failed: bool,
    closed: bool,
}

impl Mail {
    pub(super) fn begin(&self) {
        self.state().outstanding += 1;
    }

    /// The journal has answered a commit. After a failure the engine is woken.
    pub(super) fn end(&self, answers: &[Answer], result: &Result<(), JournalError>) {
        let mut state = self.state();
        answers.iter().for_each(|answer| answer.write(result.as_ref().err(), &mut state.letters));
        state.outstanding -= 1;
        state.failed |= result.is_err();
        if state.failed {
            state.wake_at = Some(Timestamp(0));
        }
        self.changed.notify_one();
    }

    pub(super) fn outstanding(&self) -> usize {
        self.state().outstanding
    }

    /// Whether a commit has failed and all others are answered. Says so once.
    pub(super) fn take_failure(&self) -> bool {
        let mut state = self.state();
        let is_over = state.failed && state.outstanding == 0;
        state.failed &= !is_over;
        is_over
    }

    /// All must be read again from the journal, once every commit is answered. The engine is woken for it.
    pub(super) fn fail(&self) {
        let mut state = self.state();
        (state.failed, state.wake_at) = (true, Some(Timestamp(0)));
        self.changed.notify_one();
    }

    pub(super) fn has_failed(&self) -> bool {
        self.state().failed
    }

    pub(super) fn wake_at(&self, at: Option<Timestamp>) {
        let mut state = self.state();
        if state.wake_at != at && !state.failed {
            state.wake_at = at;
            self.changed.notify_one();
        }
    }

    pub(super) fn close(&self) {
        self.state().closed = true;
        self.changed.notify_one();
    }

    /// Waits for something to carry: answers, and whether the engine is to be woken. `None` when there will be nothing more.
    fn wait(&self, clock: &dyn Clock) -> Option<(Batch, bool)> {
        let mut state = self.state();
        loop {
            if state.closed {
                return None;
            }
            let left = state.wake_at.map(|at| at.since(clock.now()));
            let is_due = left.is_some_and(|left| left.is_zero());
            if is_due {
                state.wake_at = None;
            }
            if is_due || !state.letters.is_empty() {
                return Some((std::mem::take(&mut state.letters), is_due));
            }
            state = match left {
                Some(left) => self.changed.wait_timeout(state, left).expect("no holder panics").0,
                None => self.changed.wait(state).expect("no holder panics"),
            };
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder panics")
    }
}

/// Carries answers to the server, and wakes the engine when something is due: a thread, once it is started.
pub struct Courier {
    pub(super) mail: Arc<Mail>,
    pub(super) clock: Arc<dyn Clock>,
}

impl Courier {
    /// Starts the thread. It ends with the engine or the server.
    ///
    /// # Errors
    /// When the host gives no thread.
    pub fn start(self, handle: &Handle) -> io::Result<()> {
        let postman = handle.postman();
        thread::Builder::new().name("nats-answers".into()).spawn(move || {
            while let Some((letters, is_due)) = self.mail.wait(&*self.clock) {
                if postman.deliver(letters, is_due).is_err() {
                    return;
                }
            }
        })?;
        Ok(())
    }
}
