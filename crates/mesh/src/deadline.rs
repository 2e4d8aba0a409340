//! When an answer is due.

use std::time::Duration;

use model::{Reason, Timestamp};
use tokio::time::Instant;

use crate::{problem::Fault, worker::Worker};

/// When the response's head is due, and who says so.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline {
    pub(crate) at: Instant,
    /// The same, as the next hop is told how long that is.
    pub(crate) due: Timestamp,
    pub(crate) reason: Reason,
    /// When the caller itself gives up; then the body's progress gains no time.
    pub(crate) caller: Option<Instant>,
}

impl Deadline {
    /// That of the policy, or of the caller if it waits less.
    pub(crate) fn new(
        worker: &Worker,
        now: Timestamp,
        policy: Duration,
        caller: Option<Duration>,
    ) -> Result<Self, Fault> {
        let (limit, reason) = match caller {
            Some(Duration::ZERO) => {
                return Err(Fault::new(Reason::DeadlineExceeded, "it had passed before the request came"));
            }
            Some(left) if left < policy => (left, Reason::DeadlineExceeded),
            _ => (policy, Reason::Timeout),
        };
        let due = now + limit;
        let at = worker.instant(due);
        Ok(Self { at, due, reason, caller: caller.map(|left| worker.instant(now + left)) })
    }

    /// Why a request ends whose answer was due then: later than at first, if its body moved.
    pub(crate) fn reason_at(&self, due: Instant) -> Reason {
        if due > self.at && self.caller == Some(due) { Reason::DeadlineExceeded } else { self.reason }
    }
}
