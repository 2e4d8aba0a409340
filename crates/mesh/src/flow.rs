//! What the two directions of an attempt know of each other.

use std::{cell::Cell, sync::atomic::Ordering::Relaxed};

use model::{Reason, Timestamp};
use tokio::time::Instant;

use crate::{
    attempt::Failed,
    call::{Call, Ended, Facts},
    instance::Local,
    problem::Fault,
    retry::{self, Attempted, Sent},
    timer::Timer,
    worker::Worker,
};

/// Why a transfer ended early.
pub(crate) enum Stop {
    /// The client has gone.
    Vanished,
    /// An answer of our own would be due, or the response broke off.
    Fault(Fault),
    /// The instance's drain has timed out.
    Cut,
}

/// What the two directions of an attempt know of each other.
pub(crate) struct Flow<'a> {
    pub(crate) worker: &'a Worker,
    pub(crate) facts: &'a Facts,
    pub(crate) call: &'a Call,
    pub(crate) local: &'a Local,
    /// The client's own, where it has one for this request alone.
    pub(crate) timer: Option<&'a Timer>,
    /// When the instance got the request, or the last byte of it so far.
    pub(crate) began: Cell<Timestamp>,
    /// When the response's head is due.
    pub(crate) deadline: Cell<Instant>,
    /// What was sent to the instance.
    pub(crate) sent: Cell<Sent>,
    /// The pieces of the request's body that came later than its head.
    pub(crate) pieces: Cell<u32>,
    /// The whole request was sent.
    pub(crate) uploaded: Cell<bool>,
    /// Some byte of a response arrived.
    pub(crate) received: Cell<bool>,
    /// The bytes of responses before the final one.
    pub(crate) interim: Cell<usize>,
    /// Some byte of the final response's head may have reached the client.
    pub(crate) answered: Cell<bool>,
    /// The bytes of the final response's body that went to the client.
    pub(crate) delivered: Cell<u64>,
}

impl<'a> Flow<'a> {
    pub(crate) fn new(worker: &'a Worker, facts: &'a Facts, call: &'a Call, local: &'a Local, now: Timestamp) -> Self {
        call.listening.set(false);
        call.turned_away.set(false);
        Self {
            worker,
            facts,
            call,
            local,
            timer: None,
            began: Cell::new(now),
            deadline: Cell::new(call.deadline.at),
            sent: Cell::new(Sent::Nothing),
            pieces: Cell::new(0),
            uploaded: Cell::new(false),
            received: Cell::new(false),
            interim: Cell::new(0),
            answered: Cell::new(false),
            delivered: Cell::new(0),
        }
    }

    /// Some byte was sent.
    pub(crate) fn has_sent(&self) {
        if self.sent.get() == Sent::Nothing {
            self.sent.set(Sent::Kept);
        }
    }

    /// The instance has reset the request's stream, and nothing else. What is not gRPC may just be nothing that it speaks.
    pub(crate) fn was_reset(&self) {
        self.call.turned_away.set(!self.facts.grpc);
    }

    pub(crate) fn judge(&self, stop: Stop, is_pooled: bool) -> Failed {
        let now = self.worker.now();
        if self.is_awaited(&stop) {
            let reason = if let Stop::Fault(fault) = &stop { Some(fault.reason) } else { None };
            self.call.unanswered(self.local, self.began.get(), now, reason);
        }
        let fault = match stop {
            Stop::Cut => return self.cut_off(),
            Stop::Vanished => return Failed::Over(Ended::Gone),
            Stop::Fault(fault) if self.answered.get() => return Failed::Over(Ended::Broken(self.broken_off(fault))),
            Stop::Fault(fault) => fault,
        };
        let attempted =
            Attempted { sent: self.sent.get(), received: self.received.get(), idempotent: self.facts.idempotent };
        match fault.reason == Reason::Reset && retry::is_safe(attempted) {
            true if is_pooled && retry::is_race(attempted.sent, now.since(self.began.get())) => Failed::Stale,
            true => Failed::Again(fault, None),
            false => Failed::Over(Ended::Fault(fault)),
        }
    }

    /// Whether the instance was waited for, and not the client: whoever is slow with a request says nothing of the instance.
    fn is_awaited(&self, stop: &Stop) -> bool {
        let by_client = matches!(stop, Stop::Fault(fault) if fault.reason.status() < 500);
        !(by_client || matches!(stop, Stop::Cut) || self.answered.get() || self.call.listening.get())
    }

    pub(crate) fn cut_off(&self) -> Failed {
        self.local.shared.cut_off.fetch_add(1, Relaxed);
        let fault = Fault::new(Reason::DrainTimeout, "");
        Failed::Over(match self.answered.get() {
            true => Ended::Broken(self.broken_off(fault)),
            false => Ended::Fault(fault),
        })
    }

    /// With how much of the answer there was.
    pub(crate) fn broken_off(&self, fault: Fault) -> Fault {
        let known = match self.call.status.get() {
            101 => "after it changed to another protocol".to_owned(),
            _ => format!("after {} bytes of the answer's body", self.delivered.get()),
        };
        let detail = if fault.detail.is_empty() { known } else { format!("{known}: {}", fault.detail) };
        Fault { detail, ..fault }
    }

    /// Counts what went to the client: so many bytes, and those of the answer's body among them.
    pub(crate) fn deliver(&self, written: usize, data: usize) {
        self.call.count_sent(written);
        self.delivered.set(self.delivered.get() + data as u64);
    }
}
