//! An instance for a request, within the bounds of its connection and its service; until then the request is held.

use std::{cell::Cell, rc::Rc};

use model::{InstanceId, Reason, spec::Side};
use tokio::time::sleep_until;

use crate::{
    bound::{Bound, Entry},
    call::{Call, Ended},
    connection::{self, Connection},
    exchange::Requester,
    instance::{Lease, Local},
    picker::Candidates,
    place::Held,
    pool::Reserved,
    problem::Fault,
    split::Lot,
    view::View,
    worker::Worker,
};

/// The right of a request to be in flight, on its connection and to its service.
#[derive(Default)]
pub(crate) struct Permit {
    connection: Option<Rc<connection::Local>>,
    service: Cell<bool>,
}

impl Permit {
    /// Takes what is still missing, if there is room.
    fn try_complete(&mut self, connection: &Rc<connection::Local>) -> bool {
        let shared = &connection.shared;
        if self.connection.is_none() && shared.state.in_flight.try_enter(shared.policy.in_flight_max) {
            self.connection = Some(connection.clone());
        }
        if self.connection.is_some() && !self.service.get() {
            self.service.set(shared.load.in_flight.try_enter(shared.load.max()));
        }
        self.service.get()
    }

    /// The bound that it has yet to enter, in which lane, and how many may be inside.
    fn missing<'a>(&self, connection: &'a Connection) -> Option<(&'a Bound, u32, u32)> {
        match self.connection {
            None => Some((&connection.state.in_flight, connection.lane, connection.policy.in_flight_max)),
            Some(_) => (!self.service.get()).then(|| (&connection.load.in_flight, 0, connection.load.max())),
        }
    }

    /// Takes note that what was missing is there.
    fn entered(&mut self, connection: &Rc<connection::Local>) {
        self.service.set(self.connection.is_some());
        self.connection.get_or_insert_with(|| connection.clone());
    }

    /// The instance has begun to answer: the latency that limits the service's requests ends here, however long the answer or
    /// what it opens lasts.
    pub(crate) fn answered(&self) {
        if let Some(connection) = self.connection.as_ref().filter(|_| self.service.replace(false)) {
            connection.shared.load.in_flight.leave(connection.shared.load.max());
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.answered();
        let Some(connection) = &self.connection else { return };
        // Who waits has a policy of its own, which may allow less than that of whoever leaves.
        connection.shared.state.in_flight.leave(u32::MAX);
    }
}

/// Picks an instance that has not failed the request; `None` if all of them have.
pub(crate) async fn acquire(
    worker: &Worker,
    request: &mut impl Requester,
    call: &mut Call,
) -> Result<Option<Lease>, Ended> {
    let connection = call.connection.clone();
    loop {
        // Who need not wait makes no room for waiting.
        let local = match available(worker, call) {
            Some(local) => Some(local),
            None => Box::pin(wait_for_instance(worker, request, call)).await?,
        };
        let Some(local) = local else { return Ok(None) };
        if call.permit.try_complete(&connection) {
            return Ok(Some(Lease::new(local)));
        }
        Box::pin(wait_for_room(worker, request, call)).await?;
    }
}

/// An instance, if there is one now.
fn available(worker: &Worker, call: &Call) -> Option<Rc<Local>> {
    let view = worker.view();
    let service = view.table.service(call.connection.shared.service);
    let closed = service.is_some_and(|service| service.hold) && !view.table.shutting_down;
    // What has been tried goes on.
    if closed && call.tried.is_empty() { None } else { view.pick(worker, call, &call.tried) }
}

/// An instance, once there is one; `None` if all of them have failed the request.
async fn wait_for_instance(
    worker: &Worker,
    request: &mut impl Requester,
    call: &Call,
) -> Result<Option<Rc<Local>>, Ended> {
    let shared = &call.connection.shared;
    let (mut place, mut told) = (None, false);
    loop {
        if !call.tried.is_empty() {
            return Ok(None);
        }
        let view = worker.view();
        let service = view.table.service(shared.service);
        let Some(service) = service.filter(|service| service.is_waited_for()) else {
            return Err(fault(Reason::NoUpstream, String::new()));
        };
        if view.table.shutting_down {
            return Err(fault(Reason::ShuttingDown, String::new()));
        }
        let asleep = service.asleep;
        drop(view);
        if place.is_none() {
            place = Some(hold(&shared.state.in_flight, call.connection.policy().queue)?);
        }
        // Once while it sleeps, whatever else changes.
        if asleep && !told {
            worker.awaited.tell(&shared.callee);
        }
        told = asleep;
        let changed = worker.changed.wait();
        let late = || late(call, Reason::NotReady, "not healthy yet");
        first_of(changed, worker, request, call, late).await?;
        if let Some(local) = available(worker, call) {
            return Ok(Some(local));
        }
    }
}

impl View {
    /// An instance of the callee that is none of `tried`.
    pub(crate) fn pick(&self, worker: &Worker, call: &Call, tried: &[InstanceId]) -> Option<Rc<Local>> {
        let (endpoints, side) = self.candidates(worker, call)?;
        let candidates = Candidates {
            endpoints,
            side,
            policy: call.connection.policy(),
            tried,
            key: call.key,
            now: worker.recent(),
        };
        let picked = call.connection.pick(&candidates, |limit| worker.random(limit));
        picked.inspect(|local| call.lot.ask(local.side.get())).cloned()
    }

    /// The instances that a request may go to, and the release that they are of if only those of one are among them.
    pub(crate) fn candidates(&self, worker: &Worker, call: &Call) -> Option<(&[Rc<Local>], Option<Side>)> {
        let place = call.connection.shared.service;
        let (service, endpoints) = (self.table.service(place)?, self.endpoints.get(place)?);
        let serves = |side| !endpoints.of(Some(side)).is_empty();
        let side = service.split.as_ref().and_then(|split| call.lot.side(split, worker, serves));
        Some((endpoints.of(side), side))
    }

    /// The release that a request goes to as things stand, by a pick in advance where all instances are alike; `None` if nobody
    /// is there, or there is one release. Few ask before they pick.
    #[cold]
    pub(crate) fn side(&self, worker: &Worker, connection: &connection::Local, lot: &Lot, key: u64) -> Option<Side> {
        let endpoints = self.endpoints.get(connection.shared.service)?;
        let serves = |side| !endpoints.of(Some(side)).is_empty();
        if let Some(side) = lot.side(connection.split.as_deref()?, worker, serves) {
            return Some(side);
        }
        let (policy, now) = (connection.policy(), worker.recent());
        let all = Candidates { endpoints: endpoints.of(None), side: None, policy, tried: &[], key, now };
        let side = connection.pick(&all, |limit| worker.random(limit))?.side.get();
        lot.begin_with(side);
        Some(side)
    }
}

/// Until the permit is complete. What the latency does not allow waits like what the policy does not: only who would wait too long is
/// turned away.
async fn wait_for_room(worker: &Worker, request: &mut impl Requester, call: &mut Call) -> Result<(), Ended> {
    let local = call.connection.clone();
    let most = local.policy().queue;
    while let Some((bound, lane, max)) = call.permit.missing(&local.shared) {
        match bound.enter(lane, max, most) {
            None => return Err(fault(Reason::Overloaded, format!("{}, and {most} wait", full(bound)))),
            Some(Entry::Inside) => {}
            Some(Entry::InLine(mut place)) => {
                let late = || late(call, Reason::Overloaded, &full(bound));
                first_of(place.entered(), worker, request, call, late).await?;
            }
        }
        call.permit.entered(&local);
    }
    Ok(())
}

/// Room for one more connection to an instance. Until there is, the request is one of those that wait on its connection.
pub(crate) async fn room(
    worker: &Worker,
    request: &mut impl Requester,
    call: &Call,
    lease: &Lease,
) -> Result<(), Ended> {
    let (policy, instance) = (call.connection.policy(), &lease.local().shared);
    let most = policy.limits.upstream_connections;
    let full = || format!("{} connections to {}", instance.connections.inside(), instance.id);
    // Nobody waits for room that another policy lacks.
    match instance.connections.enter(most, most, u32::MAX) {
        None => return Err(fault(Reason::QueueFull, full())),
        Some(Entry::Inside) => {}
        Some(Entry::InLine(mut place)) => {
            let _waits = hold(&call.connection.shared.state.in_flight, policy.queue)?;
            instance.wanted.notify_waiters();
            let late = || late(call, Reason::Overloaded, &full());
            first_of(place.entered(), worker, request, call, late).await?;
        }
    }
    lease.room.set(Some(Reserved::entered(instance)));
    Ok(())
}

fn hold(bound: &Bound, most: u32) -> Result<Held<'_>, Ended> {
    bound.hold(most).ok_or_else(|| fault(Reason::QueueFull, format!("{most} wait already")))
}

/// Waits for an event, the end of the client, or the deadline. Nobody else may have read the clock since.
async fn first_of(
    event: impl Future<Output = ()>,
    worker: &Worker,
    request: &mut impl Requester,
    call: &Call,
    late: impl FnOnce() -> Ended,
) -> Result<(), Ended> {
    tokio::select! {
        biased;
        () = event => {
            worker.now();
            Ok(())
        }
        () = request.gone() => Err(Ended::Gone),
        () = sleep_until(call.deadline.at) => Err(late()),
    }
}

fn full(bound: &Bound) -> String {
    format!("{} in flight", bound.inside())
}

/// What it waited for did not come in the time of its policy, or of its caller.
fn late(call: &Call, reason: Reason, what: &str) -> Ended {
    let reason = if call.deadline.reason == Reason::Timeout { reason } else { call.deadline.reason };
    fault(reason, format!("{what}, waited {}", model::format_duration(call.patience())))
}

fn fault(reason: Reason, detail: String) -> Ended {
    Ended::Fault(Fault::new(reason, detail))
}
