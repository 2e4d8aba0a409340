//! What is written down of a request at its end: figures, the breaker, the access log.

use std::net::IpAddr;

use logic::outcome as health;
use model::{
    Timestamp,
    spec::{AccessLog, Side},
    status::Failure,
};
use wire::{
    http1::{FieldKind, RequestHead},
    trace::Trace,
};

use crate::{
    access_log::Line,
    answer::request_line,
    call::Call,
    figures::{Outcome, Record},
    worker::Worker,
};

/// Writes a request down. `head` are the bytes that `request` was parsed from.
pub(crate) fn write_down(
    worker: &Worker,
    peer: IpAddr,
    call: &Call,
    outcome: Outcome,
    request: &RequestHead,
    head: &[u8],
) {
    let now = worker.now();
    let health = health_of(call, outcome);
    call.ends(worker, health, now);
    let record = Record {
        outcome,
        micros: u64::try_from(now.since(call.arrived).as_micros()).unwrap_or(u64::MAX),
        received: call.received.untold(),
        sent: call.sent.untold(),
        retries: call.retries.get(),
        hedged: call.hedged.get(),
    };
    if !matches!(outcome, Outcome::Failed(_)) && call.health() == health::Outcome::Failure {
        remember(worker, call, now, request, head);
    }
    call.connection.record(&record);
    call.ended.set(now);
    if let (Some(split), Some(health)) = (&call.connection.split, health)
        && let Some(side) = side(call)
    {
        split.compared.record(worker.number, side, health, record.micros);
    }
    if is_logged(worker, call, outcome) {
        log(worker, peer, call, &record, request, head);
    }
}

/// Remembers an answer that counts as a failure of who gave it; of many that are alike only some, as of refusals.
fn remember(worker: &Worker, call: &Call, at: Timestamp, request: &RequestHead, head: &[u8]) {
    let (whose, status, grpc) = (call.whose(), call.status.get(), call.grpc_status.get());
    if !worker.failures.is_news(whose.callee(), at, |kept| kept.status == Some(status)) {
        return;
    }
    let answered = call.answered.borrow();
    worker.failures.record(Failure {
        at,
        connection: whose.label(worker),
        service: whose.callee().clone(),
        request: request_line(request, head),
        reason: None,
        status: Some(status),
        detail: grpc.map(|status| format!("grpc-status {status}")).unwrap_or_default(),
        instances: whose.tried.iter().chain(answered.as_ref().map(|local| &local.shared.id)).cloned().collect(),
    });
}

/// The release of the instance that had it. One that no instance had says nothing of either.
fn side(call: &Call) -> Option<Side> {
    let answered = call.answered.borrow().as_ref().map(|local| local.side.get());
    answered.or(call.lot.asked())
}

/// What the end says of the callee.
fn health_of(call: &Call, outcome: Outcome) -> Option<health::Outcome> {
    match outcome {
        Outcome::Status(_) => Some(call.health()),
        Outcome::Failed(reason) => call.blames_callee(reason).then_some(health::Outcome::Failure),
        Outcome::Cancelled => None,
    }
}

fn is_logged(worker: &Worker, call: &Call, outcome: Outcome) -> bool {
    let failed = matches!(outcome, Outcome::Failed(_) | Outcome::Status(500..));
    match call.connection.policy().access_log {
        AccessLog::Off => false,
        AccessLog::Errors => failed,
        AccessLog::Sampled(permille) => failed || worker.random(1000) < permille as usize,
    }
}

fn log(worker: &Worker, peer: IpAddr, call: &Call, record: &Record, request: &RequestHead, head: &[u8]) {
    let Some(access_log) = &worker.access_log else { return };
    let begun = call.line.trace.map(Trace::value);
    let trace = begun.as_ref().map(|trace| &trace[..]);
    let trace = trace.or_else(|| request.values_of(head, FieldKind::Traceparent).next()).unwrap_or_default();
    let (status, reason) = match record.outcome {
        Outcome::Status(status) => (status, None),
        Outcome::Failed(reason) if call.status.get() > 0 => (call.status.get(), Some(reason)),
        Outcome::Failed(reason) => (reason.status(), Some(reason)),
        Outcome::Cancelled => (0, None),
    };
    let answered = call.answered.borrow();
    access_log.write(&Line {
        at: call.arrived,
        peer,
        connection: &call.whose().label(worker),
        host: request.host(head),
        method: &String::from_utf8_lossy(request.method(head)),
        path: request.path(head),
        status,
        reason,
        instance: answered.as_ref().map(|local| &local.shared.id).or(call.tried.last()),
        micros: record.micros,
        received: call.received.total(),
        sent: call.sent.total(),
        retries: record.retries,
        trace: &String::from_utf8_lossy(trace),
    });
}
