//! One request of a client that speaks HTTP/2.

use std::rc::Rc;

use h2::RecvStream;
use http::{Request, header};
use model::spec::Protocol;
use wire::http1;

use super::{
    answer::{Manner, answer},
    body::Source,
    hands::Job,
    hedged,
    inlet::{Inlet, Watched},
    outlet::Outlet,
    request,
    serve::Entrance,
    to_http1,
    to_http2::{self, Passage},
};
use crate::{
    answer::{describe, request_line},
    attempt::Failed,
    buffer::Scratch,
    call::{Call, Ended, Facts},
    client::{self, Next},
    exchange::{self, Requester},
    figures::Outcome,
    find,
    instance::Lease,
    problem::Fault,
    record,
    refused::{self, Refusal, Refused},
    timer::Timer,
    worker::Worker,
};

/// A request on its way.
pub(super) struct Http2Request<'a> {
    pub(super) inlet: Inlet,
    pub(super) outlet: &'a Outlet,
    pub(super) scratch: &'a mut Scratch,
    pub(super) facts: &'a Facts,
    /// For what it waits for, a response's head first of all.
    pub(super) timer: &'a Timer,
}

impl Http2Request<'_> {
    pub(super) fn body(&mut self) -> Watched<'_> {
        Watched { inlet: &mut self.inlet, outlet: self.outlet }
    }
}

impl Requester for Http2Request<'_> {
    async fn gone(&mut self) {
        self.body().gone().await;
    }

    fn put_back(&mut self, call: &Call) {
        self.inlet.put_back();
        call.received.rewind(self.scratch.request.length());
    }

    async fn attempt(&mut self, worker: &Rc<Worker>, call: &Call, lease: &Lease, reuse: bool) -> Result<Next, Failed> {
        let Scratch { input, request, outgoing, .. } = &mut *self.scratch;
        outgoing.clear();
        http1::write_request(input.held(), request, call.line, outgoing);
        if call.connection.policy().protocol == Protocol::Http {
            return match call.hedge_delay(self.facts) {
                // Apart, as few ask for it.
                Some(delay) if reuse => Box::pin(hedged::run(worker, self, call, lease, delay)).await,
                _ => to_http1::run(worker, self, call, lease, reuse).await,
            };
        }
        let source = Watched { inlet: &mut self.inlet, outlet: self.outlet };
        let mut passage = Passage { facts: self.facts, request, head: outgoing, source, back: self.outlet };
        // Apart, so that streams to HTTP/1.1 are small.
        Box::pin(to_http2::run(worker, &mut passage, call, lease, reuse)).await.map(|_| Next::Keep)
    }
}

/// Serves one request.
pub(super) async fn serve(worker: &Rc<Worker>, timer: &Timer, job: Job) {
    let Job { place, request, respond } = job;
    let mut scratch = worker.take_scratch();
    let outlet = Outlet::new(respond, place.entrance());
    run(worker, place.entrance(), timer, request, &outlet, &mut scratch).await;
    worker.keep_scratch(scratch);
}

async fn run(
    worker: &Rc<Worker>,
    entrance: &Entrance,
    timer: &Timer,
    request: Request<RecvStream>,
    outlet: &Outlet,
    scratch: &mut Scratch,
) {
    let (parts, body) = request.into_parts();
    let is_grpc = |value: &http::HeaderValue| super::grpc::is_content_type(value.as_bytes());
    // Not by name: to look each one of a few fields over is cheaper than to hash it.
    let grpc = parts.headers.iter().any(|(name, value)| name == header::CONTENT_TYPE && is_grpc(value));
    let manner = Manner { to_head: parts.method == http::Method::HEAD, grpc };
    let ended = body.is_end_stream();
    let read = read(worker, entrance, &parts, ended, scratch);
    drop(parts);
    let (facts, mut call) = match read {
        Ok(read) => read,
        Err(Refusal { fault, connection }) => {
            drop(body);
            let whose = refused::whose(connection.as_deref(), entrance.entry);
            let sent = answer(outlet, manner, &describe(worker, &fault, whose.as_ref()), &fault).await;
            if let Some(whose) = whose {
                whose.remember(worker, &fault, || request_line(&scratch.request, scratch.input.held()));
            }
            let refused = Refused { connection, sent, ..Refused::of(scratch) };
            return refused::write_down(worker, entrance.entry, entrance.peer, fault.reason, refused);
        }
    };
    let mut request = Http2Request { inlet: Inlet::new(body, ended), outlet, scratch, facts: &facts, timer };
    let attempted = exchange::attempts(worker, &mut request, &mut call).await;
    // What still comes of the body goes nowhere, while an answer of ours may wait for the client.
    drop(request.inlet);
    let outcome = match attempted {
        Ok(_) => Outcome::Status(call.status.get()),
        Err(Ended::Gone) => {
            outlet.break_off(h2::Reason::CANCEL);
            Outcome::Cancelled
        }
        Err(Ended::Broken(fault)) => {
            call.whose().remember(worker, &fault, || request_line(&scratch.request, scratch.input.held()));
            outlet.break_off(h2::Reason::INTERNAL_ERROR);
            Outcome::Failed(fault.reason)
        }
        Err(Ended::Fault(fault)) => {
            let whose = call.whose();
            call.count_sent(answer(outlet, manner, &describe(worker, &fault, Some(&whose)), &fault).await);
            whose.remember(worker, &fault, || request_line(&scratch.request, scratch.input.held()));
            Outcome::Failed(fault.reason)
        }
    };
    record::write_down(worker, entrance.peer, &call, outcome, &scratch.request, scratch.input.held());
}

/// Reads the head with the codec of HTTP/1.1, and finds the way.
fn read(
    worker: &Worker,
    entrance: &Entrance,
    parts: &http::request::Parts,
    ended: bool,
    scratch: &mut Scratch,
) -> Result<(Facts, Call), Refusal> {
    let (_, limits) = client::limits(worker, entrance.entry);
    scratch.answer.clear();
    request::write(parts, ended, &mut scratch.answer)?;
    scratch.input.put(&scratch.answer);
    if !scratch.request.parse(scratch.input.data(), &limits).map_err(Fault::of_request)? {
        return Err(Fault::new(model::Reason::BadRequest, "the head is not whole").into());
    }
    let facts = Facts::of(&scratch.request, scratch.input.data());
    scratch.input.hold(scratch.request.length());
    find::check_host(worker, entrance.peer, entrance.names.as_ref(), &scratch.request, scratch.input.held())?;
    let call = find::find(worker, entrance.entry, entrance.peer, &scratch.request, scratch.input.held())?;
    Ok((facts, call))
}
