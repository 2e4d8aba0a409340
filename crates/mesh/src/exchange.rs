//! One request and its response: the route or the connection's policy, the attempts, the answer.

use std::{rc::Rc, sync::Arc};

use logic::balance::GATEWAY_FAILURE_PENALTY;
use model::{InstanceId, Reason};
use tokio::time::Instant;
use wire::http1::{self, Edge, Framing, RequestHead, RequestLine, Version};

use crate::{
    answer::answer,
    attempt::{self, Failed},
    buffer::Scratch,
    client::{Client, Next},
    hold,
    instance::Lease,
    listener::Entry,
    problem::Fault,
    retry,
    table::Connection,
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
    pub(crate) connection: Arc<Connection>,
    pub(crate) line: RequestLine,
    pub(crate) deadline: Instant,
    /// The instances that failed it, in order.
    pub(crate) tried: Vec<InstanceId>,
}

/// Why a request ends without the whole response of an instance.
pub(crate) enum Ended {
    /// The client has gone.
    Gone,
    /// The response broke off after its head was sent.
    Broken,
    /// An answer of our own is due.
    Fault(Fault),
}

/// Serves the request whose head stands at the front of the input.
pub(crate) async fn run(worker: &Rc<Worker>, client: &mut Client, scratch: &mut Scratch) -> Next {
    let facts = Facts::of(&scratch.request, scratch.input.data());
    scratch.input.hold(scratch.request.length());
    let mut call = match find(worker, client, scratch) {
        Ok(call) => call,
        Err(fault) => return answer(worker, client, scratch, Some(&facts), None, fault).await,
    };
    match attempts(worker, client, scratch, &facts, &mut call).await {
        Ok(next) => {
            scratch.input.release();
            next
        }
        Err(Ended::Gone) => Next::Close,
        Err(Ended::Broken) => Next::Break,
        Err(Ended::Fault(fault)) => answer(worker, client, scratch, Some(&facts), Some(&call), fault).await,
    }
}

/// Refuses what is no request; the connection ends.
pub(crate) async fn refuse(worker: &Worker, client: &mut Client, scratch: &mut Scratch, fault: Fault) -> Next {
    answer(worker, client, scratch, None, None, fault).await
}

impl Facts {
    fn of(request: &RequestHead, head: &[u8]) -> Self {
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

/// The connection that the request takes.
fn find(worker: &Worker, client: &Client, scratch: &Scratch) -> Result<Call, Fault> {
    let view = worker.view();
    // Calls between services go on, so that what is in flight can end.
    if view.table.shutting_down && matches!(client.entry, Entry::Gateway) {
        return Err(Fault::new(Reason::ShuttingDown, ""));
    }
    let (connection, strip) = match client.entry {
        Entry::Gateway => {
            let (request, head) = (&scratch.request, scratch.input.held());
            let (host, path) = (http1::host_name(request.host(head)), request.path(head));
            let gateway = view.table.gateway.as_ref();
            let found = gateway.and_then(|gateway| Some((gateway, gateway.routes.find(host, path)?)));
            let (gateway, found) = found.ok_or_else(|| Fault::new(Reason::NoRoute, format!("{host}{path}")))?;
            (&gateway.targets[found.index], found.strip)
        }
        Entry::Address(address) => {
            let found = view.table.connections.get(&address);
            (found.ok_or_else(|| Fault::new(Reason::NotDeclared, address.to_string()))?, 0)
        }
    };
    let edge = (client.entry == Entry::Gateway).then_some(Edge { peer: client.peer, scheme: "http" });
    Ok(Call {
        connection: connection.clone(),
        line: RequestLine { strip, edge, upgrade: true },
        deadline: Instant::now() + connection.policy.timeout,
        tried: Vec::new(),
    })
}

async fn attempts(
    worker: &Rc<Worker>,
    client: &mut Client,
    scratch: &mut Scratch,
    facts: &Facts,
    call: &mut Call,
) -> Result<Next, Ended> {
    scratch.outgoing.clear();
    http1::write_request(scratch.input.held(), &scratch.request, call.line, &mut scratch.outgoing);
    let mut retries = call.connection.policy.retries;
    let mut last = Fault::new(Reason::NoUpstream, "");
    let mut again = None;
    loop {
        let reuse = again.is_none();
        let lease = match again.take() {
            Some(local) => Lease::new(local),
            None => match hold::acquire(worker, &mut client.socket, &mut scratch.input, call).await? {
                Some(lease) => lease,
                None => return Err(Ended::Fault(last)),
            },
        };
        match attempt::run(worker, &mut client.socket, scratch, facts, call, &lease, reuse).await {
            Ok(next) => return Ok(next),
            Err(Failed::Left) => {}
            Err(Failed::Stale) => again = Some(lease.local().clone()),
            Err(Failed::Again(fault)) => {
                lease.local().observe(GATEWAY_FAILURE_PENALTY, worker.clock.now());
                call.tried.push(lease.local().shared.id.clone());
                if retries == 0 {
                    return Err(Ended::Fault(fault));
                }
                retries -= 1;
                last = fault;
            }
            Err(Failed::Over(ended)) => {
                call.tried.push(lease.local().shared.id.clone());
                return Err(ended);
            }
        }
    }
}
