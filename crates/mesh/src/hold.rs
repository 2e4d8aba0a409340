//! An instance for a request; until the service has been healthy, the request is held.

use std::rc::Rc;

use logic::balance;
use model::Reason;
use tokio::time::sleep_until;

use crate::{
    buffer::Buffer,
    exchange::{Call, Ended},
    instance::{Lease, Local},
    problem::Fault,
    socket::Socket,
    upload,
    worker::Worker,
};

/// Picks an instance that has not failed the request; `None` if all of them have.
pub(crate) async fn acquire(
    worker: &Worker,
    client: &mut Socket,
    input: &mut Buffer,
    call: &Call,
) -> Result<Option<Lease>, Ended> {
    let mut place = None;
    loop {
        let view = worker.view();
        let service = view.table.service_of(&call.connection);
        let endpoints = service.map_or(&[][..], |service| &view.endpoints[service]);
        if let Some(local) = pick(worker, endpoints, call) {
            return Ok(Some(Lease::new(local.clone())));
        }
        if !call.tried.is_empty() {
            return Ok(None);
        }
        if service.is_none_or(|service| view.table.services[service].has_been_healthy) {
            return Err(fault(Reason::NoUpstream, call));
        }
        if view.table.shutting_down {
            return Err(fault(Reason::ShuttingDown, call));
        }
        drop(view);
        if place.is_none() {
            place = Some(call.connection.enter_queue().ok_or_else(|| fault(Reason::QueueFull, call))?);
        }
        wait(worker, client, input, call).await?;
    }
}

fn pick<'a>(worker: &Worker, endpoints: &'a [Rc<Local>], call: &Call) -> Option<&'a Rc<Local>> {
    let now = worker.clock.now();
    let cost = |index: usize| {
        let local = &endpoints[index];
        (!call.tried.contains(&local.shared.id)).then(|| local.cost(now))
    };
    balance::pick(endpoints.len(), cost, |limit| worker.random(limit)).map(|index| &endpoints[index])
}

/// Until the routing state changes.
async fn wait(worker: &Worker, client: &mut Socket, input: &mut Buffer, call: &Call) -> Result<(), Ended> {
    let changed = worker.changed.wait();
    let (mut reader, _) = client.split();
    tokio::select! {
        biased;
        () = changed => Ok(()),
        () = upload::watch(&mut reader, input) => Err(Ended::Gone),
        () = sleep_until(call.deadline) => Err(fault(Reason::NotReady, call)),
    }
}

fn fault(reason: Reason, call: &Call) -> Ended {
    let detail = match reason {
        Reason::NotReady => format!("waited {}", model::format_duration(call.connection.policy.timeout)),
        Reason::QueueFull => format!("{} wait already", call.connection.policy.queue),
        _ => String::new(),
    };
    Ended::Fault(Fault::new(reason, detail))
}
