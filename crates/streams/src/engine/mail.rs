//! What the journal's thread leaves for the server's thread.

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Condvar, Mutex, MutexGuard},
    thread,
    time::Duration,
};

use journal::JournalError;
use model::Timestamp;
use ports::clock::Clock;

use crate::server::{Bell, Handle};

/// What became of commits, and when the engine wants to be woken.
#[derive(Default)]
pub(super) struct Mail {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// By the numbers of commits; the journal bounds how many there are.
    results: BTreeMap<u64, Result<(), JournalError>>,
    /// Wakes the engine, once the server has it.
    bell: Bell,
    wake_at: Option<Timestamp>,
    has_failed: bool,
    /// What failed first, the last time that something did.
    cause: Option<JournalError>,
    is_closed: bool,
}

impl Mail {
    /// The journal has answered a commit. The engine is woken if somebody waits for it, and after a failure.
    pub(super) fn end(&self, commit: u64, result: Result<(), JournalError>, is_awaited: bool) {
        let mut state = self.state();
        if !state.has_failed
            && let Err(error) = &result
        {
            (state.has_failed, state.cause) = (true, Some(error.clone()));
        }
        state.results.insert(commit, result);
        if is_awaited || state.has_failed {
            state.bell.ring();
        }
    }

    /// What became of a commit, once that is known.
    pub(super) fn take(&self, commit: u64) -> Option<Result<(), JournalError>> {
        self.state().results.remove(&commit)
    }

    /// All must be read again from the journal, once every commit is answered. The engine is woken for it.
    pub(super) fn fail(&self) {
        let mut state = self.state();
        if !state.has_failed {
            (state.has_failed, state.cause) = (true, None);
        }
        state.bell.ring();
    }

    /// Whether a commit has failed since this was last forgotten.
    pub(super) fn has_failed(&self) -> bool {
        self.state().has_failed
    }

    /// Why the commit failed that did so last, before it was forgotten or after; `None` if it was no commit.
    pub(super) fn cause(&self) -> Option<JournalError> {
        self.state().cause.clone()
    }

    pub(super) fn forget_failure(&self) {
        self.state().has_failed = false;
    }

    pub(super) fn wake_at(&self, at: Option<Timestamp>) {
        let mut state = self.state();
        if state.wake_at != at {
            state.wake_at = at;
            self.changed.notify_one();
        }
    }

    pub(super) fn close(&self) {
        self.state().is_closed = true;
        self.changed.notify_one();
    }

    /// Wakes the engine when something is due, until it is closed.
    fn keep_time(&self, clock: &dyn Clock) {
        let mut state = self.state();
        while !state.is_closed {
            let left = state.wake_at.map(|at| at.since(clock.now()));
            state = match left {
                Some(Duration::ZERO) => {
                    state.wake_at = None;
                    state.bell.ring();
                    state
                }
                Some(left) => self.changed.wait_timeout(state, left).expect("no holder panics").0,
                None => self.changed.wait(state).expect("no holder panics"),
            };
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder panics")
    }
}

/// Wakes the engine when a commit is answered and when something is due, once it is started.
pub struct Courier {
    pub(super) mail: Arc<Mail>,
    pub(super) clock: Arc<dyn Clock>,
}

impl Courier {
    /// Lets the journal's thread wake the engine, and starts the one that keeps time. It ends with the engine.
    ///
    /// # Errors
    /// When the host gives no thread.
    pub fn start(self, handle: &Handle) -> io::Result<()> {
        let bell = handle.bell();
        self.mail.state().bell = bell.clone();
        // The journal may have answered meanwhile.
        bell.ring();
        thread::Builder::new().name("nats-time".into()).spawn(move || self.mail.keep_time(&*self.clock))?;
        Ok(())
    }
}
