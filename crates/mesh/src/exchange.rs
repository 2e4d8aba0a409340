//! One request and its response: the route or the connection's policy, the attempts, the answer, the record.

use std::{cell::Cell, net::IpAddr, rc::Rc};

use logic::{
    balance::{self, GATEWAY_FAILURE_PENALTY},
    outcome as health,
};
use model::{
    InstanceId, Reason, Timestamp,
    spec::{Balance, HashKey, Protocol},
};
use tokio::time::Instant;
use wire::http1::{self, Edge, Framing, RequestHead, RequestLine, Version};

use crate::{
    answer::answer,
    attempt::{self, Failed},
    buffer::Scratch,
    client::{Client, Next},
    connection,
    figures::{Outcome, Record},
    guard::Passed,
    hold::{self, Permit},
    http2,
    instance::{Lease, Local},
    listener::Entry,
    picker,
    problem::Fault,
    retry,
    socket::Socket,
    upload,
    worker::{View, Worker},
};

/// What the request's head said, as far as it is needed after the head has gone.
pub(crate) struct Facts {
    pub(crate) to_head: bool,
    pub(crate) version: Version,
    pub(crate) keep_alive: bool,
    pub(crate) framing: Framing,
    /// It may be done twice.
    pub(crate) repeatable: bool,
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
    pub(crate) retries: u32,
    /// The hash of what the policy takes as the key.
    pub(crate) key: u64,
    passed: Passed,
    pub(crate) permit: Permit,
    /// What the instance answered, once it did.
    pub(crate) status: Cell<u16>,
    pub(crate) grpc_status: Cell<Option<u8>>,
    /// Bytes from the client and to it.
    pub(crate) received: Cell<u64>,
    pub(crate) sent: Cell<u64>,
}

/// When the response's head is due, and who says so.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline {
    pub(crate) at: Instant,
    pub(crate) reason: Reason,
    /// When the caller itself gives up; then the body's progress gains no time.
    pub(crate) caller: Option<Instant>,
}

/// Why a request ends without the whole response of an instance.
pub(crate) enum Ended {
    /// The client has gone.
    Gone,
    /// The response broke off after its head was sent.
    Broken(Reason),
    /// An answer of our own is due.
    Fault(Fault),
}

/// A request as its client speaks it.
pub(crate) trait Requester {
    /// Ends when the client has gone.
    async fn gone(&mut self);

    /// Tries once: sends the request to the leased instance and the response to the client. With `reuse` a connection that
    /// was idle may be used.
    async fn attempt(&mut self, worker: &Rc<Worker>, call: &Call, lease: &Lease, reuse: bool) -> Result<Next, Failed>;
}

/// A request of HTTP/1.1.
struct Http1<'a> {
    socket: &'a mut Socket,
    scratch: &'a mut Scratch,
    facts: &'a Facts,
}

impl Requester for Http1<'_> {
    async fn gone(&mut self) {
        let (mut reader, _) = self.socket.split();
        upload::watch(&mut reader, &mut self.scratch.input).await;
    }

    async fn attempt(&mut self, worker: &Rc<Worker>, call: &Call, lease: &Lease, reuse: bool) -> Result<Next, Failed> {
        if call.connection.policy().protocol == Protocol::Http2 {
            let attempt = http2::from_http1(worker, self.socket, self.scratch, self.facts, call, lease, reuse);
            return Box::pin(attempt).await;
        }
        attempt::run(worker, self.socket, self.scratch, self.facts, call, lease, reuse).await
    }
}

/// Serves the request whose head stands at the front of the input.
pub(crate) async fn run(worker: &Rc<Worker>, client: &mut Client, scratch: &mut Scratch) -> Next {
    let facts = Facts::of(&scratch.request, scratch.input.data());
    scratch.input.hold(scratch.request.length());
    if !facts.framing.is_empty() && http2::grpc::is_request(&scratch.request, scratch.input.held()) {
        let fault = Fault::new(Reason::Http2Required, "");
        return answer(worker, client, scratch, Some(&facts), None, fault).await;
    }
    let found = find(worker, client.entry, client.peer, &scratch.request, scratch.input.held());
    let mut call = match found {
        Ok(call) => call,
        Err(fault) => return answer(worker, client, scratch, Some(&facts), None, fault).await,
    };
    scratch.outgoing.clear();
    http1::write_request(scratch.input.held(), &scratch.request, call.line, &mut scratch.outgoing);
    let mut request = Http1 { socket: &mut client.socket, scratch, facts: &facts };
    let (outcome, next) = match attempts(worker, &mut request, &mut call).await {
        Ok(next) => {
            scratch.input.release();
            (Outcome::Status(call.status.get()), next)
        }
        Err(Ended::Gone) => (Outcome::Cancelled, Next::Close),
        Err(Ended::Broken(reason)) => (Outcome::Failed(reason), Next::Break),
        Err(Ended::Fault(fault)) => {
            let reason = fault.reason;
            let next = answer(worker, client, scratch, Some(&facts), Some(&call), fault).await;
            (Outcome::Failed(reason), next)
        }
    };
    call.write_down(worker, outcome);
    next
}

/// Refuses what is no request; the connection ends.
pub(crate) async fn refuse(worker: &Worker, client: &mut Client, scratch: &mut Scratch, fault: Fault) -> Next {
    answer(worker, client, scratch, None, None, fault).await
}

impl Facts {
    pub(crate) fn of(request: &RequestHead, head: &[u8]) -> Self {
        let method = request.method(head);
        Self {
            to_head: method == b"HEAD",
            version: request.version(),
            keep_alive: request.keep_alive(),
            framing: request.framing(),
            repeatable: request.framing().is_empty() && retry::is_idempotent(method),
            upgrade: request.upgrade(head).map(Into::into),
        }
    }
}

impl Call {
    /// A request that arrives now, unless the connection takes none.
    pub(crate) fn new(
        worker: &Worker,
        entry: Entry,
        connection: Rc<connection::Local>,
        line: RequestLine,
        key: u64,
    ) -> Result<Self, Fault> {
        let arrived = worker.clock.now();
        let at = Instant::now() + connection.policy().timeout;
        let passed = connection.shared.state.guard.admit(&connection.shared.rules, arrived)?;
        Ok(Self {
            connection,
            entry,
            line,
            arrived,
            deadline: Deadline { at, reason: Reason::Timeout, caller: None },
            tried: Vec::new(),
            retries: 0,
            key,
            passed,
            permit: Permit::default(),
            status: Cell::new(0),
            grpc_status: Cell::new(None),
            received: Cell::new(0),
            sent: Cell::new(0),
        })
    }

    pub(crate) fn count_received(&self, bytes: usize) {
        self.received.set(self.received.get() + bytes as u64);
    }

    pub(crate) fn count_sent(&self, bytes: usize) {
        self.sent.set(self.sent.get() + bytes as u64);
    }

    /// Which slot calls whom: `orders/1 -> users`.
    pub(crate) fn label(&self, worker: &Worker) -> String {
        let view = worker.view();
        let caller = match self.entry {
            Entry::Address(address) => view.table.addresses.get(&address).map(|address| &address.caller),
            Entry::Gateway => None,
        };
        let shared = &self.connection.shared;
        caller.map_or_else(|| shared.name.to_string(), |caller| format!("{caller} -> {}", shared.callee))
    }

    /// What the answer says of who gave it.
    fn health(&self) -> health::Outcome {
        health::Outcome::of(self.status.get(), self.grpc_status.get())
    }

    /// Takes a retry out of the connection's budget.
    fn may_retry(&self, worker: &Worker) -> bool {
        let shared = &self.connection.shared;
        shared.state.guard.may_retry(&shared.rules, worker.clock.now())
    }

    /// Takes note of how an instance did.
    fn judge(&self, worker: &Worker, local: &Local, outcome: Option<health::Outcome>) {
        let (Some(outcome), Some(rule)) = (outcome, &self.connection.shared.outlier) else { return };
        if outcome == health::Outcome::Success && local.shared.outlier_word() == 0 {
            return;
        }
        let view = worker.view();
        let Some(all) = view.endpoints.get(self.connection.shared.service) else { return };
        let now = worker.clock.now();
        local.shared.judge(rule, outcome, now, all.len(), || picker::ejected(all, now));
    }

    /// Counts the request, and tells the breaker.
    pub(crate) fn write_down(&self, worker: &Worker, outcome: Outcome) {
        let now = worker.clock.now();
        let health = match outcome {
            Outcome::Status(_) => Some(self.health()),
            Outcome::Failed(reason) => blames_callee(reason).then_some(health::Outcome::Failure),
            Outcome::Cancelled => None,
        };
        let shared = &self.connection.shared;
        shared.state.guard.ended(&shared.rules, self.passed, health, now, || worker.chance());
        let took = now.since(self.arrived);
        self.connection.record(&Record {
            outcome,
            micros: u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
            received: self.received.get(),
            sent: self.sent.get(),
            retries: self.retries,
            hedged: false,
        });
    }
}

/// Whether a failure speaks of the callee rather than of the caller, the bounds or the network between them and the client.
fn blames_callee(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::Refused
            | Reason::Reset
            | Reason::BadResponse
            | Reason::ResponseTooLarge
            | Reason::ConnectTimeout
            | Reason::Timeout
            | Reason::IdleTimeout
    )
}

impl Ended {
    /// What it says of the instance that was tried last.
    fn says_of_instance(&self) -> Option<health::Outcome> {
        let reason = match self {
            Self::Gone => return None,
            Self::Broken(reason) => *reason,
            Self::Fault(fault) => fault.reason,
        };
        blames_callee(reason).then_some(health::Outcome::Failure)
    }
}

/// The hash of what the policy takes as the key; the same for all requests that lack it.
fn key_of(request: &RequestHead, head: &[u8], balance: &Balance) -> u64 {
    let Balance::Hash { key, .. } = balance else { return 0 };
    let value = match key {
        HashKey::Header(name) => request.value(head, name),
        HashKey::Cookie(name) => request.value(head, "cookie").and_then(|value| cookie(value, name)),
        HashKey::Path => Some(request.path(head).as_bytes()),
    };
    balance::hash(value.unwrap_or_default())
}

/// The value of a cookie in a `cookie` field (RFC 6265 section 4.2.1).
fn cookie<'a>(field: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let pairs = field.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
    pairs.filter_map(|pair| pair.strip_prefix(name.as_bytes())).find_map(|rest| rest.strip_prefix(b"="))
}

/// The connection that the request takes.
pub(crate) fn find(
    worker: &Worker,
    entry: Entry,
    peer: IpAddr,
    request: &RequestHead,
    head: &[u8],
) -> Result<Call, Fault> {
    let view = worker.view();
    let (index, strip) = match entry {
        Entry::Gateway => find_route(&view, request, head)?,
        Entry::Address(address) => {
            let found = view.table.addresses.get(&address);
            (found.ok_or_else(|| Fault::new(Reason::NotDeclared, address.to_string()))?.connection, 0)
        }
    };
    let connection = view.connections[index].clone();
    let policy = connection.policy();
    if let (Framing::Length(length), Some(most)) = (request.framing(), policy.limits.body)
        && length > most.0
    {
        return Err(Fault::new(Reason::BodyTooLarge, format!("{length} bytes announced, {most} allowed")));
    }
    let edge = (entry == Entry::Gateway).then_some(Edge { peer, scheme: "http" });
    let line = RequestLine { strip, edge, upgrade: true };
    let key = key_of(request, head, &policy.balance);
    let call = Call::new(worker, entry, connection, line, key)?;
    call.count_received(request.length());
    Ok(call)
}

/// The connection of a route, as an index, and how much of the path is taken off.
fn find_route(view: &View, request: &RequestHead, head: &[u8]) -> Result<(usize, usize), Fault> {
    // Calls between services go on, so that what is in flight can end.
    if view.table.shutting_down {
        return Err(Fault::new(Reason::ShuttingDown, ""));
    }
    let (host, path) = (http1::host_name(request.host(head)), request.path(head));
    let gateway = view.table.gateway.as_ref();
    let found = gateway.and_then(|gateway| Some((gateway, gateway.routes.find(host, path)?)));
    let (gateway, found) = found.ok_or_else(|| Fault::new(Reason::NoRoute, format!("{host}{path}")))?;
    Ok((gateway.targets[found.index], found.strip))
}

/// Tries one instance after the other, as the policy allows.
pub(crate) async fn attempts(
    worker: &Rc<Worker>,
    request: &mut impl Requester,
    call: &mut Call,
) -> Result<Next, Ended> {
    let mut last = Fault::new(Reason::NoUpstream, "");
    let mut again = None;
    loop {
        let reuse = again.is_none();
        let lease = match again.take() {
            Some(local) => Lease::new(local),
            None => match hold::acquire(worker, request, call).await? {
                Some(lease) => lease,
                None => return Err(Ended::Fault(last)),
            },
        };
        match request.attempt(worker, call, &lease, reuse).await {
            Ok(next) => {
                call.judge(worker, lease.local(), Some(call.health()));
                return Ok(next);
            }
            Err(Failed::Left) => {}
            Err(Failed::Stale) => again = Some(lease.local().clone()),
            Err(Failed::Again(fault)) => {
                lease.local().observe(GATEWAY_FAILURE_PENALTY, worker.clock.now());
                call.tried.push(lease.local().shared.id.clone());
                call.judge(worker, lease.local(), Some(health::Outcome::Failure));
                if call.retries == call.connection.policy().retries || !call.may_retry(worker) {
                    return Err(Ended::Fault(fault));
                }
                call.retries += 1;
                last = fault;
            }
            Err(Failed::Over(ended)) => {
                call.judge(worker, lease.local(), ended.says_of_instance());
                call.tried.push(lease.local().shared.id.clone());
                return Err(ended);
            }
        }
    }
}
