//! One request and its response: the route or the connection's policy, the attempts, the answer, the record.

use std::{
    cell::{Cell, RefCell},
    net::IpAddr,
    rc::Rc,
    time::Duration,
};

use logic::{
    balance::{self, GATEWAY_FAILURE_PENALTY},
    deadline, outcome as health,
};
use model::{
    InstanceId, Reason, Timestamp,
    spec::{Balance, HashKey, Protocol},
};
use tokio::time::Instant;
use wire::{
    http1::{self, Edge, FieldKind, Framing, RequestHead, RequestLine, Version},
    trace,
};

use crate::{
    answer::answer,
    attempt::{self, Failed},
    buffer::Scratch,
    client::{Client, Next},
    connection,
    figures::Outcome,
    guard::Passed,
    hedge,
    hold::{self, Permit},
    http2,
    instance::{Lease, Local},
    listener::Entry,
    picker,
    problem::Fault,
    record,
    refused::{self, Refusal, Refused},
    retry,
    tls::Names,
    upload,
    view::View,
    worker::Worker,
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
    /// The one that answered.
    pub(crate) answered: RefCell<Option<Rc<Local>>>,
    /// A second instance was asked because the first one took long.
    pub(crate) hedged: Cell<bool>,
    pub(crate) retries: u32,
    /// The hash of what the policy takes as the key.
    pub(crate) key: u64,
    pub(crate) passed: Passed,
    pub(crate) permit: Permit,
    /// The client was told to go on with its body.
    pub(crate) invited: Cell<bool>,
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
    client: &'a mut Client,
    scratch: &'a mut Scratch,
    facts: &'a Facts,
}

impl Requester for Http1<'_> {
    async fn gone(&mut self) {
        let (mut reader, _) = self.client.socket.split();
        upload::watch(&mut reader, &mut self.scratch.input).await;
    }

    async fn attempt(&mut self, worker: &Rc<Worker>, call: &Call, lease: &Lease, reuse: bool) -> Result<Next, Failed> {
        let Scratch { input, request, outgoing, .. } = &mut *self.scratch;
        outgoing.clear();
        http1::write_request(input.held(), request, call.line(worker), outgoing);
        if call.connection.policy().protocol == Protocol::Http2 {
            let attempt =
                http2::from_http1(worker, &mut self.client.socket, self.scratch, self.facts, call, lease, reuse);
            return Box::pin(attempt).await;
        }
        match call.hedge_delay(self.facts.repeatable && self.facts.upgrade.is_none()) {
            // Apart, as few ask for it.
            Some(delay) if reuse => {
                Box::pin(hedge::run(worker, self.client, self.scratch, self.facts, call, lease, delay)).await
            }
            _ => attempt::run(worker, self.client, self.scratch, self.facts, call, lease, reuse).await,
        }
    }
}

/// Serves the request whose head stands at the front of the input.
pub(crate) async fn run(worker: &Rc<Worker>, client: &mut Client, scratch: &mut Scratch) -> Next {
    let mut facts = Facts::of(&scratch.request, scratch.input.data());
    facts.keep_alive &= !client.has_retired(worker);
    scratch.input.hold(scratch.request.length());
    let head = scratch.input.held();
    let found = match !facts.framing.is_empty() && http2::grpc::is_request(&scratch.request, head) {
        true => Err(Fault::new(Reason::Http2Required, "").into()),
        false => check_host(worker, client.peer, client.socket.names(), &scratch.request, head)
            .map_err(Refusal::from)
            .and_then(|()| find(worker, client.entry, client.peer, &scratch.request, head)),
    };
    let mut call = match found {
        Ok(call) => call,
        Err(Refusal { fault, connection }) => {
            let reason = fault.reason;
            let next = answer(worker, client, scratch, Some(&facts), None, fault).await;
            let refused = Refused { connection, sent: scratch.answer.len(), ..Refused::of(scratch) };
            refused::write_down(worker, client.entry, reason, refused);
            scratch.input.release();
            return next;
        }
    };
    let mut request = Http1 { client, scratch, facts: &facts };
    let (outcome, next) = match attempts(worker, &mut request, &mut call).await {
        Ok(next) => (Outcome::Status(call.status.get()), next),
        Err(Ended::Gone) => (Outcome::Cancelled, Next::Break),
        Err(Ended::Broken(reason)) => (Outcome::Failed(reason), Next::Break),
        Err(Ended::Fault(fault)) => {
            let reason = fault.reason;
            let next = answer(worker, client, scratch, Some(&facts), Some(&call), fault).await;
            (Outcome::Failed(reason), next)
        }
    };
    record::write_down(worker, &call, outcome, &scratch.request, scratch.input.held());
    scratch.input.release();
    next
}

/// Refuses what is no request; the connection ends.
pub(crate) async fn refuse(worker: &Worker, client: &mut Client, scratch: &mut Scratch, fault: Fault) -> Next {
    let reason = fault.reason;
    let next = answer(worker, client, scratch, None, None, fault).await;
    refused::write_down(worker, client.entry, reason, Refused { sent: scratch.answer.len(), ..Refused::default() });
    next
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
        caller_waits: Option<Duration>,
    ) -> Result<Self, Fault> {
        let arrived = worker.now();
        let deadline = Deadline::new(worker.instant(arrived), connection.policy().timeout, caller_waits)?;
        let passed = connection.shared.state.guard.admit(&connection.shared.rules, arrived)?;
        Ok(Self {
            connection,
            entry,
            line,
            arrived,
            deadline,
            tried: Vec::new(),
            answered: RefCell::default(),
            hedged: Cell::new(false),
            retries: 0,
            key,
            passed,
            permit: Permit::default(),
            invited: Cell::new(false),
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

    /// How the request goes on to an instance now.
    pub(crate) fn line(&self, worker: &Worker) -> RequestLine {
        let left = self.deadline.at.saturating_duration_since(worker.instant(worker.recent()));
        RequestLine { timeout_ms: Some(u64::try_from(left.as_millis()).unwrap_or(u64::MAX)), ..self.line }
    }

    /// What the answer says of who gave it.
    pub(crate) fn health(&self) -> health::Outcome {
        health::Outcome::of(self.status.get(), self.grpc_status.get())
    }

    /// After which time the request goes to a second instance too, where the policy wants it and enough is known.
    pub(crate) fn hedge_delay(&self, idempotent: bool) -> Option<Duration> {
        let policy = self.connection.policy();
        let delay = policy.hedge.then(|| self.connection.unusually_long()).flatten();
        logic::hedge::hedge_after(idempotent, delay, policy.timeout)
    }

    /// An instance besides one that is being asked and those that failed.
    pub(crate) fn another(&self, worker: &Worker, asked: &InstanceId) -> Option<Rc<Local>> {
        let view = worker.view();
        let tried: Vec<InstanceId> = self.tried.iter().chain([asked]).cloned().collect();
        view.pick(worker, self, &tried)
    }

    /// Takes a retry out of the connection's budget.
    pub(crate) fn may_retry(&self, worker: &Worker) -> bool {
        let shared = &self.connection.shared;
        shared.state.guard.may_retry(&shared.rules, worker.now())
    }

    /// Takes note of how an instance did.
    fn judge(&self, worker: &Worker, local: &Local, outcome: Option<health::Outcome>) {
        let (Some(outcome), Some(rule)) = (outcome, &self.connection.shared.outlier) else { return };
        if outcome == health::Outcome::Success && local.shared.outlier_word() == 0 {
            return;
        }
        let view = worker.view();
        let Some(all) = view.endpoints.get(self.connection.shared.service) else { return };
        let now = worker.recent();
        local.shared.judge(rule, outcome, now, all.len(), || picker::ejected(all, now));
    }
}

impl Ended {
    /// What it says of the instance that was tried last.
    fn says_of_instance(&self) -> Option<health::Outcome> {
        let reason = match self {
            Self::Gone => return None,
            Self::Broken(reason) => *reason,
            Self::Fault(fault) => fault.reason,
        };
        reason.blames_callee().then_some(health::Outcome::Failure)
    }
}

/// The hash of what the policy takes as the key; the same for all requests that lack it.
fn key_of(request: &RequestHead, head: &[u8], balance: &Balance) -> u64 {
    let Balance::Hash { key, .. } = balance else { return 0 };
    match key {
        HashKey::Header(name) => hash_all(request.values(head, name)),
        HashKey::Cookie(name) => hash_all(request.values(head, "cookie").flat_map(|field| cookies(field, name))),
        HashKey::Path => balance::hash(request.path(head).as_bytes()),
    }
}

/// Whoever adds a value cannot choose which of them is looked at: all are.
fn hash_all<'a>(mut values: impl Iterator<Item = &'a [u8]>) -> u64 {
    let first = balance::hash(values.next().unwrap_or_default());
    values.fold(first, |hash, value| hash.rotate_left(1) ^ balance::hash(value))
}

/// The values of a cookie in a `cookie` field (RFC 6265 section 4.2.1).
fn cookies<'a>(field: &'a [u8], name: &str) -> impl Iterator<Item = &'a [u8]> {
    let pairs = field.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
    pairs.filter_map(|pair| pair.strip_prefix(name.as_bytes())?.strip_prefix(b"="))
}

/// Refuses a request for a host that its connection was not opened for. A trusted peer speaks for many.
pub(crate) fn check_host(
    worker: &Worker,
    peer: IpAddr,
    names: Option<&Names>,
    request: &RequestHead,
    head: &[u8],
) -> Result<(), Fault> {
    let Some(names) = names else { return Ok(()) };
    let host = http1::host_name(request.host(head));
    if names.cover(host) || worker.view().trusts(peer) {
        return Ok(());
    }
    Err(Fault::new(Reason::Misdirected, host))
}

/// The connection that the request takes.
pub(crate) fn find(
    worker: &Worker,
    entry: Entry,
    peer: IpAddr,
    request: &RequestHead,
    head: &[u8],
) -> Result<Call, Refusal> {
    let view = worker.view();
    let (index, strip) = match entry {
        Entry::Gateway => find_route(&view, request, head)?,
        Entry::Address(address) => {
            let found = view.table.addresses.get(&address);
            (found.ok_or_else(|| Fault::new(Reason::NotDeclared, address.to_string()))?.connection, 0)
        }
    };
    let connection = view.connections[index].clone();
    let refused = |fault| Refusal { fault, connection: Some(connection.clone()) };
    let policy = connection.policy();
    if let (Framing::Length(length), Some(most)) = (request.framing(), policy.limits.body)
        && length > most.0
    {
        return Err(refused(Fault::new(Reason::BodyTooLarge, format!("{length} bytes announced, {most} allowed"))));
    }
    let edge = (entry == Entry::Gateway).then(|| worker.edge(peer, view.trusts(peer)));
    let trace = (!continues_trace(request, head)).then(|| worker.begin_trace());
    let line = RequestLine { strip, edge, trace, ..RequestLine::AS_IT_CAME };
    let key = key_of(request, head, &policy.balance);
    let waits = caller_timeout(request, head);
    let call = Call::new(worker, entry, connection.clone(), line, key, waits).map_err(refused)?;
    call.count_received(request.length());
    Ok(call)
}

/// How long the caller itself waits: the least of what it says.
fn caller_timeout(request: &RequestHead, head: &[u8]) -> Option<Duration> {
    let millis = |value| std::str::from_utf8(value).ok()?.parse().ok().map(Duration::from_millis);
    let ours = request.values_of(head, FieldKind::IslesTimeout).filter_map(millis);
    let grpc = request.values_of(head, FieldKind::GrpcTimeout).filter_map(deadline::parse_grpc_timeout);
    ours.chain(grpc).min()
}

/// Whether the request belongs to a trace already: to one, not to several.
fn continues_trace(request: &RequestHead, head: &[u8]) -> bool {
    let mut values = request.values_of(head, FieldKind::Traceparent);
    values.next().is_some_and(trace::is_valid) && values.next().is_none()
}

impl Worker {
    fn edge(&self, peer: IpAddr, trusted: bool) -> Edge {
        Edge { peer, scheme: self.gateway_scheme(), trusted }
    }

    fn begin_trace(&self) -> [u8; trace::LENGTH] {
        let (high, low) = (u128::from(self.random_bits()), u128::from(self.random_bits()));
        trace::begin(high << 64 | low, self.random_bits())
    }
}

impl View {
    /// Whether the peer's word on who the client is counts.
    fn trusts(&self, peer: IpAddr) -> bool {
        let trusted = self.table.gateway.as_ref().map_or(&[][..], |gateway| &gateway.trusted);
        trusted.iter().any(|network| network.contains(peer))
    }
}

impl Deadline {
    /// That of the policy, or of the caller if it waits less.
    fn new(now: Instant, policy: Duration, caller: Option<Duration>) -> Result<Self, Fault> {
        let caller = caller.filter(|caller| *caller < policy);
        match caller {
            None => Ok(Self { at: now + policy, reason: Reason::Timeout, caller: None }),
            Some(Duration::ZERO) => Err(Fault::new(Reason::DeadlineExceeded, "it had passed before the request came")),
            Some(left) => Ok(Self { at: now + left, reason: Reason::DeadlineExceeded, caller: Some(now + left) }),
        }
    }
}

/// The connection of a route, as an index, and how much of the path is taken off.
fn find_route(view: &View, request: &RequestHead, head: &[u8]) -> Result<(usize, usize), Fault> {
    // Calls between services go on, so that what is in flight can end.
    if view.table.shutting_down {
        return Err(Fault::new(Reason::ShuttingDown, ""));
    }
    let (host, path) = (|| http1::host_name(request.host(head)), request.path(head));
    let gateway = view.table.gateway.as_ref();
    let found = gateway.and_then(|gateway| Some((gateway, gateway.routes.find(host, path)?)));
    let (gateway, found) = found.ok_or_else(|| Fault::new(Reason::NoRoute, format!("{}{path}", host())))?;
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
                let local = call.answered.take().unwrap_or_else(|| lease.local().clone());
                call.judge(worker, &local, Some(call.health()));
                call.answered.replace(Some(local));
                return Ok(next);
            }
            Err(Failed::Left) => {}
            Err(Failed::Stale) => again = Some(lease.local().clone()),
            Err(Failed::Again(fault)) => {
                lease.local().observe(GATEWAY_FAILURE_PENALTY, worker.now());
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
