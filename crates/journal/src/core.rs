//! What the writer, the mover and the readers share.

use std::sync::{
    Arc, Mutex, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
    atomic::{AtomicU64, Ordering},
};

use crate::{
    disk::Disk, error::JournalError, options::Options, reserve::Reserve, signal::Signal, state::State, store::Store,
};

pub(crate) struct Core {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) options: Options,
    pub(crate) store: Store,
    pub(crate) reserve: Mutex<Reserve>,
    /// Set when there is something to move or to free.
    pub(crate) to_move: Signal,
    state: RwLock<State>,
    backlog_bytes: AtomicU64,
    poison: OnceLock<Arc<str>>,
}

impl Core {
    pub(crate) fn new(disk: Arc<dyn Disk>, options: Options, store: Store, state: State, reserve: Reserve) -> Self {
        let backlog_bytes = AtomicU64::new(state.backlog_bytes());
        Self {
            disk,
            options,
            store,
            reserve: Mutex::new(reserve),
            to_move: Signal::default(),
            state: RwLock::new(state),
            backlog_bytes,
            poison: OnceLock::new(),
        }
    }

    pub(crate) fn state(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn state_mut(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// An error once a write or a sync has failed.
    pub(crate) fn check(&self) -> Result<(), JournalError> {
        self.poison.get().map_or(Ok(()), |cause| Err(JournalError::Poisoned(cause.clone())))
    }

    /// Nothing is acknowledged from here on. A sync that failed is never tried again: what it should have written may be
    /// gone although the next one succeeds.
    pub(crate) fn poison(&self, cause: &JournalError) -> JournalError {
        let cause = match cause {
            JournalError::Poisoned(cause) => cause.clone(),
            other => other.to_string().into(),
        };
        JournalError::Poisoned(self.poison.get_or_init(|| cause).clone())
    }

    pub(crate) fn backlog_bytes(&self) -> u64 {
        self.backlog_bytes.load(Ordering::Relaxed)
    }

    pub(crate) fn note_backlog(&self, state: &State) {
        self.backlog_bytes.store(state.backlog_bytes(), Ordering::Relaxed);
    }

    /// Wakes the mover, if there is enough to do.
    pub(crate) fn note_work(&self, state: &State) {
        let current = state.logs.last_key_value().map_or(0, |(_, log)| log.used);
        if state.backlog_bytes() - current >= self.options.move_bytes || !state.garbage.is_empty() {
            self.to_move.set();
        }
    }
}
