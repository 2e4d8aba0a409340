//! Says after a while that a sync is due.

use std::{
    sync::{Arc, Condvar, Mutex, PoisonError},
    thread::{Builder, JoinHandle},
    time::Duration,
};

use crate::{queue::Queue, store::lock};

/// A thread that waits; made when it is first needed.
pub(crate) struct Ticker {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// After how long the sync is due.
    armed: Option<Duration>,
    is_closed: bool,
}

impl Ticker {
    pub(crate) fn start(queue: Arc<Queue>) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let thread = Builder::new().name("journal-ticker".into()).spawn({
            let shared = shared.clone();
            move || shared.run(&queue)
        })?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// A sync is due after this time at the latest. When a shorter time comes, it is due at once: how much of the longer one
    /// has passed is not known.
    pub(crate) fn arm(&self, after: Duration) {
        let mut state = lock(&self.shared.state);
        match state.armed {
            Some(armed) if armed <= after => {}
            armed => {
                state.armed = Some(if armed.is_some() { Duration::ZERO } else { after });
                self.shared.changed.notify_all();
            }
        }
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        lock(&self.shared.state).is_closed = true;
        self.shared.changed.notify_all();
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

impl Shared {
    fn run(&self, queue: &Queue) {
        let mut state = lock(&self.state);
        loop {
            let idle = |state: &mut State| state.armed.is_none() && !state.is_closed;
            state = self.changed.wait_while(state, idle).unwrap_or_else(PoisonError::into_inner);
            let Some(after) = state.armed.filter(|_| !state.is_closed) else { return };
            let same = |state: &mut State| state.armed == Some(after) && !state.is_closed;
            let waited = self.changed.wait_timeout_while(state, after, same);
            let (next, _) = waited.unwrap_or_else(PoisonError::into_inner);
            state = next;
            state.armed = None;
            queue.sync_is_due();
        }
    }
}
