//! What waits for the writer.

use std::{
    sync::{Condvar, Mutex, PoisonError},
    time::Duration,
};

use crate::{error::JournalError, store::lock, writer::Request};

#[derive(Default)]
pub(crate) struct Queue {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Default)]
struct Waiting {
    requests: Vec<Request>,
    bytes: usize,
    /// Of what the writer has taken and may not have written.
    taken: usize,
    is_sync_due: bool,
    is_closed: bool,
}

/// What the writer does next.
pub(crate) struct Work {
    pub(crate) requests: Vec<Request>,
    pub(crate) is_sync_due: bool,
    pub(crate) is_closed: bool,
}

/// What a waiting batch takes beyond its bytes.
const REQUEST_BYTES: usize = 128;

impl Queue {
    /// Puts a batch at the end, unless more than `bytes_max` would wait.
    pub(crate) fn put(&self, request: Request, bytes_max: usize) {
        let mut waiting = lock(&self.waiting);
        let bytes = waiting.bytes + request.batch.body.len() + REQUEST_BYTES;
        let refused = match (waiting.is_closed, waiting.requests.is_empty() || bytes <= bytes_max) {
            (true, _) => JournalError::Closed,
            (false, false) => JournalError::Backlog,
            (false, true) => {
                waiting.bytes = bytes;
                waiting.requests.push(request);
                drop(waiting);
                self.changed.notify_one();
                return;
            }
        };
        drop(waiting);
        (request.done)(Err(refused));
    }

    pub(crate) fn sync_is_due(&self) {
        lock(&self.waiting).is_sync_due = true;
        self.changed.notify_one();
    }

    pub(crate) fn close(&self) {
        lock(&self.waiting).is_closed = true;
        self.changed.notify_one();
    }

    pub(crate) fn is_empty(&self) -> bool {
        lock(&self.waiting).requests.is_empty()
    }

    /// Of what waits, and of that with what the writer has taken.
    pub(crate) fn bytes(&self) -> (usize, usize) {
        let waiting = lock(&self.waiting);
        (waiting.bytes, waiting.bytes + waiting.taken)
    }

    /// Waits until there is something to do, so long at most, and takes all of it. What was taken before is written.
    pub(crate) fn take(&self, at_most: Option<Duration>) -> Option<Work> {
        let is_idle = |waiting: &mut Waiting| waiting.requests.is_empty() && !waiting.is_sync_due && !waiting.is_closed;
        let mut waiting = lock(&self.waiting);
        waiting.taken = 0;
        let mut waiting = match at_most {
            Some(time) => {
                let waited = self.changed.wait_timeout_while(waiting, time, is_idle);
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
            None => self.changed.wait_while(waiting, is_idle).unwrap_or_else(PoisonError::into_inner),
        };
        if is_idle(&mut waiting) {
            return None;
        }
        waiting.taken = std::mem::take(&mut waiting.bytes);
        Some(Work {
            requests: std::mem::take(&mut waiting.requests),
            is_sync_due: std::mem::take(&mut waiting.is_sync_due),
            is_closed: waiting.is_closed,
        })
    }
}
