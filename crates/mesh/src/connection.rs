//! Connections: what all workers share of one, and what each worker has of its own.

use std::{
    cell::{OnceCell, RefCell},
    rc::Rc,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use logic::{hedge::Recent, outlier::Outlier};
use model::{
    ByteSize, ServiceName, Timestamp,
    figures::{BreakerState, ConnectionFigures},
    spec::{MessageLimits, Policy},
};
use wire::http1::HeadLimits;

use crate::{
    bound::Bound,
    busy::Busy,
    figures::{Figures, Record, Sum},
    guard::Guard,
    instance,
    load::Load,
    picker::{Candidates, Pickers, Turns},
    split::Split,
};

/// A declared right to call, with a policy of one routing state; with several while releases differ in it.
pub(crate) struct Connection {
    /// Who calls whom: `orders -> users`.
    pub(crate) name: Arc<str>,
    pub(crate) caller: Box<str>,
    pub(crate) callee: ServiceName,
    /// The callee's place among the services of every table.
    pub(crate) service: usize,
    pub(crate) policy: Arc<Policy>,
    /// Tells the policies of a connection apart; one that changes in place keeps it.
    pub(crate) lane: u32,
    /// The heads that it takes.
    pub(crate) heads: Heads,
    /// The bytes of a body that are held in each direction.
    pub(crate) buffer: usize,
    pub(crate) guard: Guard,
    pub(crate) outlier: Option<Outlier>,
    pub(crate) state: Arc<State>,
    /// What the callee has to do, of all connections.
    pub(crate) load: Arc<Load>,
}

/// What all policies of a connection share, and what outlives them.
#[derive(Default)]
pub(crate) struct State {
    pub(crate) in_flight: Bound,
    figures: Mutex<Vec<Arc<Figures>>>,
}

/// How large heads may be.
pub(crate) struct Heads {
    pub(crate) request: HeadLimits,
    pub(crate) response: HeadLimits,
}

/// A size as it is counted in memory.
pub(crate) fn bytes(size: ByteSize) -> usize {
    usize::try_from(size.0).unwrap_or(usize::MAX)
}

impl Heads {
    pub(crate) fn new(limits: &MessageLimits) -> Self {
        let request = HeadLimits {
            head_bytes_max: bytes(limits.head),
            target_bytes_max: bytes(limits.target),
            fields_max: usize::try_from(limits.fields).unwrap_or(usize::MAX),
            escaped_slashes: limits.escaped_slashes,
        };
        Self { request, response: HeadLimits { head_bytes_max: bytes(limits.response_head), ..request } }
    }
}

/// Whether these figures are of another policy of the same connection. All is counted together but the breakers, of which one that
/// refuses is shown, and the ejected instances, which those with a rule leave out.
pub(crate) fn is_counted_with(first: &mut ConnectionFigures, next: &ConnectionFigures) -> bool {
    let is_same = first.connection == next.connection;
    if is_same && first.breaker == BreakerState::Closed {
        first.breaker = next.breaker;
    }
    if is_same && first.ejected.is_empty() {
        first.ejected.clone_from(&next.ejected);
    }
    is_same
}

impl Connection {
    /// Says which connection it is, and which of its policies: of two routing states too, as long as there are both.
    pub(crate) fn place(&self) -> (*const State, u32) {
        (Arc::as_ptr(&self.state), self.lane)
    }

    /// The sum of the figures of all workers; the callee's instances that are ejected are not known here.
    pub(crate) fn figures(&self, workers: usize) -> ConnectionFigures {
        let sum = Sum::of(&self.state.all_figures(), workers);
        ConnectionFigures {
            connection: self.name.to_string(),
            caller: self.caller.to_string(),
            callee: self.callee.clone(),
            requests: sum.by_worker.iter().sum(),
            outcomes: sum.outcomes,
            reasons: sum.reasons,
            bytes_received: sum.received,
            bytes_sent: sum.sent,
            retries: sum.retries,
            hedges: sum.hedges,
            in_flight: self.state.in_flight.inside(),
            concurrency: self.load.in_flight.inside(),
            concurrency_limit: self.load.limit(),
            queued: self.state.in_flight.queued(),
            breaker: self.guard.breaker(),
            ejected: Vec::new(),
            latency: sum.latency,
            requests_by_worker: sum.by_worker,
        }
    }
}

impl State {
    fn all_figures(&self) -> MutexGuard<'_, Vec<Arc<Figures>>> {
        self.figures.lock().expect("no holder of the lock panics")
    }
}

/// The figures of a connection in one worker, whatever its policies: made when they are first needed.
pub(crate) type OwnFigures = Rc<OnceCell<Arc<Figures>>>;

/// What a worker has of a connection with one of its policies.
pub(crate) struct Local {
    pub(crate) shared: Arc<Connection>,
    /// That of the callee in the same routing state: what a request needs of it is found without a look at the table.
    pub(crate) split: Option<Arc<Split>>,
    /// Those of the routing state in force, whichever one this is of: a request may be held longer than one is.
    pickers: Rc<RefCell<Pickers>>,
    turns: Rc<Turns>,
    worker: usize,
    figures: OwnFigures,
    /// How long the callee takes to answer; nobody asks where the policy does not hedge.
    recent: Option<Rc<RefCell<Recent>>>,
}

impl Local {
    /// The worker's part of a connection; `before` is what it had in the same lane in the routing state before.
    pub(crate) fn new(
        shared: Arc<Connection>,
        split: Option<Arc<Split>>,
        pickers: Pickers,
        (worker, figures): (usize, OwnFigures),
        before: Option<&Self>,
    ) -> Self {
        let known = before.map(|before| before.pickers.clone()).unwrap_or_default();
        known.replace(pickers);
        let recent = shared.policy.hedge.then(|| before.and_then(|before| before.recent.clone()).unwrap_or_default());
        Self {
            pickers: known,
            turns: before.map(|before| before.turns.clone()).unwrap_or_default(),
            worker,
            figures,
            recent,
            split,
            shared,
        }
    }

    pub(crate) fn policy(&self) -> &Policy {
        &self.shared.policy
    }

    /// Whether it has what that had of the same lane, so that a request that is held by that is picked for as by this.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn goes_on_from(&self, before: &Self) -> bool {
        Rc::ptr_eq(&self.pickers, &before.pickers) && self.shared.guard.goes_on_from(&before.shared.guard)
    }

    /// Picks an instance that has not failed the request.
    pub(crate) fn pick<'a>(
        &self,
        candidates: &Candidates<'a>,
        random: impl Fn(usize) -> usize,
    ) -> Option<&'a Rc<instance::Local>> {
        let pickers = self.pickers.borrow();
        let turn = self.turns.of(candidates.side);
        pickers.of(candidates.side).pick(candidates, turn, random).map(|index| &candidates.endpoints[index])
    }

    /// The requests for the callee, of this worker.
    pub(crate) fn busy(&self) -> &Busy {
        &self.shared.load.busy[self.worker]
    }

    /// What takes longer than nearly all requests, once enough of them are known.
    pub(crate) fn unusually_long(&self) -> Option<Duration> {
        self.recent.as_ref()?.borrow().delay()
    }

    /// Takes note of how long an instance took to begin its answer, or at the least.
    pub(crate) fn took(&self, latency: Duration, now: Timestamp) {
        self.shared.load.observe(latency, now);
        if let Some(recent) = &self.recent {
            recent.borrow_mut().observe(latency);
        }
    }

    /// Writes a request down.
    pub(crate) fn record(&self, record: &Record) {
        self.figures().record(record);
    }

    pub(crate) fn own_figures(&self) -> &OwnFigures {
        &self.figures
    }

    pub(crate) fn figures(&self) -> &Figures {
        self.figures.get_or_init(|| {
            let figures = Arc::new(Figures::new(self.worker));
            self.shared.state.all_figures().push(figures.clone());
            figures
        })
    }
}
