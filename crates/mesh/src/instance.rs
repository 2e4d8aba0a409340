//! Instances: what all workers share of one, and what each worker has of its own.

use std::{
    cell::Cell,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};

use logic::{
    balance::Ewma,
    outcome::Outcome,
    outlier::{self, Outlier},
};
use model::{InstanceId, Timestamp, spec::Side};
use ports::traffic::Target;
use tokio::sync::Notify;

use crate::{
    bound::{Bound, Padded},
    http2::Links,
    pool::{Pool, Reserved},
    signal::Signal,
};

/// What all workers share of an instance. It lives as long as a routing state names it or a request is in flight.
pub(crate) struct Instance {
    pub(crate) id: InstanceId,
    pub(crate) target: Target,
    in_flight: Padded<AtomicU32>,
    /// Connections to it, of all workers.
    pub(crate) connections: Bound,
    /// Somebody waits for one: what is idle may have to be closed.
    pub(crate) wanted: Notify,
    draining: AtomicBool,
    ended: Notify,
    /// How it behaved (see `logic::outlier`).
    outlier: Padded<AtomicU64>,
    /// Requests that were cut off when its drain timed out.
    pub(crate) cut_off: AtomicU32,
}

impl Instance {
    pub(crate) fn new(id: InstanceId, target: Target) -> Self {
        Self {
            id,
            target,
            in_flight: Padded::default(),
            connections: Bound::default(),
            wanted: Notify::new(),
            draining: AtomicBool::new(false),
            ended: Notify::new(),
            outlier: Padded::default(),
            cut_off: AtomicU32::new(0),
        }
    }

    pub(crate) fn in_flight(&self) -> u32 {
        self.in_flight.0.load(SeqCst)
    }

    /// Ends when no request is in flight.
    pub(crate) async fn drained(&self) {
        self.draining.store(true, SeqCst);
        loop {
            let mut ended = std::pin::pin!(self.ended.notified());
            ended.as_mut().enable();
            if self.in_flight() == 0 {
                return;
            }
            ended.await;
        }
    }

    pub(crate) fn outlier_word(&self) -> u64 {
        self.outlier.0.load(SeqCst)
    }

    /// Takes note of how a request to it went; returns the failures in a row before. `resumed` is as for [`Outlier::after`],
    /// `ejected` counts those that are out of the `total` that the request may go to.
    pub(crate) fn judge(
        &self,
        rule: &Outlier,
        outcome: Outcome,
        resumed: u8,
        now: Timestamp,
        total: usize,
        ejected: impl Fn() -> usize,
    ) -> u8 {
        let after = |word| rule.after(word, outcome, resumed, now, || rule.has_room(total, ejected()));
        let before = match self.outlier.0.fetch_update(SeqCst, SeqCst, after) {
            Ok(before) => before,
            Err(unchanged) => return outlier::run(unchanged),
        };
        let is_new = !outlier::is_ejected(before, now) && outlier::is_ejected(self.outlier_word(), now);
        if is_new && !rule.has_room(total, ejected().saturating_sub(1)) {
            let _ = self.outlier.0.fetch_update(SeqCst, SeqCst, |word| Some(rule.taken_back(word, now)));
        }
        outlier::run(before)
    }

    /// Whether somebody waits for a connection who gets one if those are closed that no request uses, so many requests in flight aside.
    /// No more are in use than requests are in flight that do not wait for one.
    pub(crate) fn wants_idle(&self, aside: u32) -> bool {
        let waiting = self.connections.queued();
        waiting > 0 && self.connections.would_let_in(self.in_flight().saturating_sub(waiting + aside))
    }

    fn leave(&self) {
        let last = self.in_flight.0.fetch_sub(1, SeqCst) == 1;
        if last && self.draining.load(SeqCst) {
            self.ended.notify_waiters();
        }
        if self.wants_idle(0) {
            self.wanted.notify_waiters();
        }
    }
}

/// What a worker has of an instance.
pub(crate) struct Local {
    pub(crate) shared: Arc<Instance>,
    /// Whether the routing state in force names it.
    pub(crate) serving: Cell<bool>,
    /// Fired when its drain timed out.
    pub(crate) cut: Signal,
    pub(crate) pool: Pool,
    pub(crate) links: Links,
    /// Its release, where the routing state that named it last tells two apart.
    pub(crate) side: Cell<Side>,
    /// When the worker learnt of it.
    pub(crate) since: Timestamp,
    ewma: Cell<Ewma>,
}

impl Local {
    pub(crate) fn new(shared: Arc<Instance>, now: Timestamp) -> Self {
        Self {
            shared,
            serving: Cell::new(true),
            cut: Signal::default(),
            pool: Pool::default(),
            links: Links::default(),
            side: Cell::default(),
            since: now,
            ewma: Cell::new(Ewma::new(now)),
        }
    }

    /// Closes the connections that no request uses.
    pub(crate) fn close(&self) {
        self.pool.close();
        self.links.close();
    }

    pub(crate) fn cost(&self, now: Timestamp) -> f64 {
        self.ewma.get().cost(self.shared.in_flight(), now)
    }

    pub(crate) fn observe(&self, latency: Duration, now: Timestamp) {
        let mut ewma = self.ewma.get();
        ewma.observe(latency, now);
        self.ewma.set(ewma);
    }

    /// Takes note of a request that was given up: it would have taken longer than this.
    pub(crate) fn observe_at_least(&self, latency: Duration, now: Timestamp) {
        let mut ewma = self.ewma.get();
        ewma.observe_at_least(latency, now);
        self.ewma.set(ewma);
    }
}

/// The right to send one request to an instance: counted as in flight until it is dropped.
pub(crate) struct Lease {
    local: Rc<Local>,
    /// Room for a connection that was waited for.
    pub(crate) room: Cell<Option<Reserved>>,
}

impl Lease {
    pub(crate) fn new(local: Rc<Local>) -> Self {
        local.shared.in_flight.0.fetch_add(1, SeqCst);
        Self { local, room: Cell::default() }
    }

    pub(crate) fn local(&self) -> &Rc<Local> {
        &self.local
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.local.shared.leave();
    }
}
