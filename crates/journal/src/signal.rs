//! Something that a thread waits for.

use std::sync::{Condvar, Mutex, PoisonError};

use crate::store::lock;

#[derive(Default)]
pub(crate) struct Signal {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    is_set: bool,
    is_closed: bool,
}

impl Signal {
    pub(crate) fn set(&self) {
        lock(&self.state).is_set = true;
        self.changed.notify_all();
    }

    pub(crate) fn close(&self) {
        lock(&self.state).is_closed = true;
        self.changed.notify_all();
    }

    /// Waits until it is set, and takes it back; `false` when it is closed.
    pub(crate) fn wait(&self) -> bool {
        let waits = |state: &mut State| !state.is_set && !state.is_closed;
        let state = self.changed.wait_while(lock(&self.state), waits);
        let mut state = state.unwrap_or_else(PoisonError::into_inner);
        state.is_set = false;
        !state.is_closed
    }
}
