//! A request on its way: what its head said, when its answer is due, what is known of it so far.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::Duration,
};

use logic::{
    balance::GATEWAY_FAILURE_PENALTY,
    outcome::{self as health, Begun},
};
use model::{InstanceId, Reason, Timestamp};
use wire::http1::{self, Framing, RequestHead, RequestLine, Version};

use crate::{
    answer::Whose, connection, deadline::Deadline, figures::Outcome, guard::Passed, hold::Permit, http2,
    instance::Local, listener::Entry, passing::Passing, problem::Fault, retry, split::Lot, worker::Worker,
};

/// What the request's head said, as far as it is needed after the head has gone.
pub(crate) struct Facts {
    pub(crate) to_head: bool,
    pub(crate) version: Version,
    pub(crate) keep_alive: bool,
    pub(crate) framing: Framing,
    /// It is one of gRPC with messages.
    pub(crate) grpc: bool,
    /// It waits for `100 Continue` before it sends its body.
    pub(crate) expects_continue: bool,
    /// It may be done twice.
    pub(crate) idempotent: bool,
    /// The protocol that it asks to change to.
    pub(crate) upgrade: Option<Box<[u8]>>,
}

/// A request on its way to a service.
pub(crate) struct Call {
    pub(crate) connection: Rc<connection::Local>,
    pub(crate) entry: Entry,
    pub(crate) line: RequestLine,
    pub(crate) arrived: Timestamp,
    pub(crate) deadline: Deadline,
    /// The instances that failed it, in order.
    pub(crate) tried: Vec<InstanceId>,
    /// The one that answered.
    pub(crate) answered: RefCell<Option<Rc<Local>>>,
    /// A second instance was asked because the first one took long.
    pub(crate) hedged: Cell<bool>,
    /// How often it was sent again.
    pub(crate) retries: Cell<u32>,
    /// The hash of what the policy takes as the key.
    pub(crate) key: u64,
    pub(crate) lot: Lot,
    pub(crate) passed: Passed,
    pub(crate) permit: Permit,
    /// How its answer began, once it did.
    pub(crate) begun: Cell<Option<Begun>>,
    /// The client was told to go on with its body.
    pub(crate) invited: Cell<bool>,
    /// The client is waited for, which has yet to send more of the body.
    pub(crate) listening: Cell<bool>,
    /// The instance has reset this request alone, which is none of gRPC's, while its connection goes on.
    pub(crate) turned_away: Cell<bool>,
    /// What the instance answered, once it did.
    pub(crate) status: Cell<u16>,
    pub(crate) grpc_status: Cell<Option<u8>>,
    /// Bytes from the client and to it.
    pub(crate) received: Passing,
    pub(crate) sent: Passing,
    /// It had changed to another protocol when its instance's drain timed out.
    pub(crate) cut_off: Cell<bool>,
    /// When it ended, once that was written down.
    pub(crate) ended: Cell<Timestamp>,
}

/// Why a request ends without the whole response of an instance.
pub(crate) enum Ended {
    /// The client has gone.
    Gone,
    /// The response broke off after its head was sent.
    Broken(Fault),
    /// An answer of our own is due.
    Fault(Fault),
}

impl Facts {
    pub(crate) fn of(request: &RequestHead, head: &[u8]) -> Self {
        let (method, framing) = (request.method(head), request.framing());
        Self {
            to_head: method == b"HEAD",
            version: request.version(),
            keep_alive: request.keep_alive(),
            framing,
            grpc: !framing.is_empty() && http2::grpc::is_request(request, head),
            expects_continue: request.expects_continue(),
            idempotent: retry::is_idempotent(method),
            upgrade: request.upgrade(head).map(Into::into),
        }
    }
}

impl Call {
    /// A request that arrives now, unless the connection takes none. It is large, so it is made where it stays.
    #[inline(always)]
    pub(crate) fn new(
        worker: &Worker,
        entry: Entry,
        connection: Rc<connection::Local>,
        line: RequestLine,
        (key, lot): (u64, Lot),
        caller_waits: Option<Duration>,
        received: usize,
    ) -> Result<Self, Fault> {
        let arrived = worker.now();
        let deadline = Deadline::new(worker, arrived, connection.policy().timeout, caller_waits)?;
        let passed = connection.shared.guard.admit(arrived)?;
        connection.busy().begin(arrived);
        Ok(Self {
            connection,
            entry,
            line,
            arrived,
            deadline,
            tried: Vec::new(),
            answered: RefCell::default(),
            hedged: Cell::new(false),
            retries: Cell::new(0),
            key,
            lot,
            passed,
            permit: Permit::default(),
            begun: Cell::new(None),
            invited: Cell::new(false),
            listening: Cell::new(false),
            turned_away: Cell::new(false),
            status: Cell::new(0),
            grpc_status: Cell::new(None),
            received: Passing::new(received),
            sent: Passing::new(0),
            cut_off: Cell::new(false),
            ended: Cell::new(arrived),
        })
    }

    pub(crate) fn count_received(&self, bytes: usize) {
        self.received.add(bytes, |more| self.connection.figures().received.add(more));
    }

    pub(crate) fn count_sent(&self, bytes: usize) {
        self.sent.add(bytes, |more| self.connection.figures().sent.add(more));
    }

    /// Whose it is, for an answer of ours.
    pub(crate) fn whose(&self) -> Whose<'_> {
        Whose { connection: &self.connection, entry: self.entry, tried: &self.tried, refused: false }
    }

    /// Ends the head of the request, which an instance gets now.
    pub(crate) fn end_head(&self, worker: &Worker, request: &RequestHead, head: &mut Vec<u8>) {
        let left_micros = self.deadline.due.0.saturating_sub(worker.recent().0);
        http1::end_request(request, Some(left_micros / 1000), head);
    }

    /// How it ended, after an answer.
    pub(crate) fn outcome(&self) -> Outcome {
        if self.cut_off.get() { Outcome::Failed(Reason::DrainTimeout) } else { Outcome::Status(self.status.get()) }
    }

    /// What the answer says of who gave it.
    pub(crate) fn health(&self) -> health::Outcome {
        health::Outcome::of(self.status.get(), self.grpc_status.get())
    }

    /// After which time the request goes to a second instance too, where the policy wants it and enough is known.
    pub(crate) fn hedge_delay(&self, facts: &Facts) -> Option<Duration> {
        let policy = self.connection.policy();
        let plain = facts.idempotent && facts.framing.is_empty() && facts.upgrade.is_none();
        logic::hedge::hedge_after(plain, self.connection.unusually_long(), policy.timeout)
    }

    /// An instance besides one that is being asked and those that failed.
    pub(crate) fn another(&self, worker: &Worker, asked: &InstanceId) -> Option<Rc<Local>> {
        let view = worker.view();
        let tried: Vec<InstanceId> = self.tried.iter().chain([asked]).cloned().collect();
        view.pick(worker, self, &tried)
    }

    /// The time from its arrival until the answer is due.
    pub(crate) fn patience(&self) -> Duration {
        self.deadline.due.since(self.arrived)
    }

    /// Whether it took the callee too long: the time of its policy, or about as much of a caller that passes its own deadline on and so
    /// gives up first.
    pub(crate) fn had_its_time(&self, reason: Reason) -> bool {
        match reason {
            Reason::Timeout => true,
            Reason::DeadlineExceeded => self.patience() >= self.connection.policy().timeout / 2,
            _ => false,
        }
    }

    /// Whether that it ended so speaks of the callee. Clients of the gateway cannot make it by their deadlines, nor by requests that the
    /// callee turns away, nor can a deadline that passed before an instance had the request, or while the client had to send more of it.
    pub(crate) fn blames_callee(&self, reason: Reason) -> bool {
        let by_client = self.turned_away.get() && matches!(self.entry, Entry::Gateway);
        let had_request = || !self.tried.is_empty() && !self.listening.get();
        let deadline = || matches!(self.entry, Entry::Address(_)) && had_request() && self.had_its_time(reason);
        !by_client && reason.blames_callee() || deadline()
    }

    /// Takes a retry out of the connection's budget.
    pub(crate) fn may_retry(&self, worker: &Worker) -> bool {
        self.connection.shared.guard.retries.withdraw(worker.now())
    }

    pub(crate) fn count_retry(&self) {
        self.retries.set(self.retries.get() + 1);
    }

    /// There was no instance left for the last one.
    pub(crate) fn uncount_retry(&self) {
        self.retries.set(self.retries.get() - 1);
    }

    /// Takes note of an instance that had the request since then and has not answered: it would have taken longer. If it had its
    /// time, that limits what its service gets, and is usual soon.
    pub(crate) fn unanswered(&self, local: &Local, began: Timestamp, now: Timestamp, reason: Option<Reason>) {
        let took = now.since(began);
        local.observe_at_least(took, now);
        if reason.is_some_and(|reason| self.had_its_time(reason)) {
            self.connection.took(took, now);
        }
    }

    /// Takes note of an instance that failed without an answer.
    pub(crate) fn failed_by(&self, worker: &Worker, local: &Local) {
        local.observe(GATEWAY_FAILURE_PENALTY, worker.now());
        self.judge(worker, local, health::Outcome::Failure);
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.connection.busy().end(self.ended.get());
    }
}

impl Ended {
    /// Why, unless it was the client's will.
    pub(crate) fn reason(&self) -> Option<Reason> {
        match self {
            Self::Gone => None,
            Self::Broken(fault) | Self::Fault(fault) => Some(fault.reason),
        }
    }
}
