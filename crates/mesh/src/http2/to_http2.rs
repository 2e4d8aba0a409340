//! One attempt at an instance that speaks HTTP/2, for a client that speaks either version.

use std::{
    future::poll_fn,
    pin::{Pin, pin},
    rc::Rc,
    task::{Poll, ready},
};

use h2::{RecvStream, client::ResponseFuture};
use http::{Response, StatusCode, header};
use model::Reason;
use wire::http1::RequestHead;

use super::{body::Source, fields, grpc, links, outgoing, pipe::Pipe, relay};
use crate::{
    attempt::{self, Failed},
    call::{Call, Ended, Facts},
    download::before_deadline,
    flow::{Flow, Stop},
    instance::Lease,
    problem::Fault,
    retry::Sent,
    worker::Worker,
};

/// The way back to a client.
pub(super) trait Back {
    /// Passes a response before the final one on.
    async fn inform(&mut self, flow: &Flow<'_>, response: Response<()>) -> Result<(), Stop>;

    /// Passes the final response on; says whether the client may send another request on its connection.
    async fn respond(&mut self, flow: &Flow<'_>, response: Response<RecvStream>) -> Result<bool, Stop>;
}

/// A request on its way, and the way back of its response.
pub(super) struct Passage<'a, S, B> {
    pub(super) facts: &'a Facts,
    pub(super) request: &'a RequestHead,
    /// The head as it goes on, but for its end.
    pub(super) head: &'a mut Vec<u8>,
    pub(super) source: S,
    pub(super) back: B,
}

/// How a response ended that is whole.
pub(super) struct Passed {
    /// The client may send another request on its connection.
    pub(super) keep: bool,
    /// The whole request was sent.
    pub(super) uploaded: bool,
}

/// Sends the request to the leased instance and the response to the client. It is repeated at most once without being counted as a
/// retry: with `first`.
pub(super) async fn run<S: Source, B: Back>(
    worker: &Rc<Worker>,
    passage: &mut Passage<'_, S, B>,
    call: &Call,
    lease: &Lease,
    first: bool,
) -> Result<Passed, Failed> {
    let local = lease.local();
    let place = attempt::unless_gone(worker, passage.source.gone(), links::place(worker, lease, call)).await?;
    if !local.serving.get() {
        return Err(Failed::Left);
    }
    call.end_head(worker, passage.request, passage.head);
    let Some(mut request) = outgoing::request(passage.head) else {
        let fault = Fault::new(Reason::BadRequest, "HTTP/2 cannot say this request");
        return Err(Failed::Over(Ended::Fault(fault)));
    };
    let expects = request.headers_mut().remove(header::EXPECT).is_some();
    let flow = Flow::new(worker, passage.facts, call, local, worker.recent());
    let is_pooled = first && place.is_pooled;
    let ends = passage.facts.framing.is_empty();
    let (response, pipe) = match place.open(request, ends).await {
        Ok(opened) => opened,
        Err(error) => {
            place.give_up(local);
            // Each one that takes no more streams is given up, so this ends.
            return Err(flow.judge(Stop::Fault(fault_of(&flow, &error)), place.is_pooled));
        }
    };
    let Passage { source, back, .. } = passage;
    let mut sink = &pipe;
    let transfer = async {
        if expects {
            invite(&flow, back).await?;
        }
        let up = pin!(relay::send(&flow, source, &mut sink, ends));
        attempt::both(&flow, up, pin!(download(&flow, back, response, &pipe))).await
    };
    let result = transfer.await.map_err(|stop| relay::judge(&flow, &*source, stop, is_pooled));
    if flow.received.get() {
        place.settle(local);
    }
    if result.is_err() {
        pipe.reset(h2::Reason::CANCEL);
    }
    Ok(Passed { keep: result?, uploaded: flow.uploaded.get() })
}

/// Answers `expect: 100-continue` (RFC 9110 section 10.1.1), once: few programs that speak HTTP/2 do, as streams have windows instead.
async fn invite(flow: &Flow<'_>, back: &mut impl Back) -> Result<(), Stop> {
    if flow.call.invited.replace(true) {
        return Ok(());
    }
    let mut response = Response::new(());
    *response.status_mut() = StatusCode::CONTINUE;
    back.inform(flow, response).await
}

async fn download(
    flow: &Flow<'_>,
    back: &mut impl Back,
    mut response: ResponseFuture,
    pipe: &Pipe,
) -> Result<bool, Stop> {
    let limits = &flow.call.connection.shared.heads.response;
    loop {
        let head = before_deadline(flow, pin!(next_head(flow, &mut response))).await?;
        match head {
            Head::Interim(interim) => {
                flow.count_interim(fields::check(interim.headers(), limits)?)?;
                match interim.status() {
                    // That was said already.
                    StatusCode::CONTINUE if flow.call.invited.get() => {}
                    StatusCode::SWITCHING_PROTOCOLS => {
                        let detail = "it switched to another protocol, which HTTP/2 has no way for";
                        return Err(Stop::Fault(Fault::new(Reason::BadResponse, detail)));
                    }
                    _ => count_while(flow, &mut response, pipe, pin!(back.inform(flow, interim))).await?,
                }
            }
            Head::Final(response) => {
                fields::check(response.headers(), limits)?;
                flow.call.grpc_status.set(grpc::status_of(response.headers()));
                flow.observe(response.status().as_u16(), fields::retry_after(response.headers()));
                return back.respond(flow, response).await;
            }
        }
    }
}

/// What comes while the client takes a response before the final one goes no further. If it is too much the stream ends, for the crate
/// `h2` keeps heads without a bound.
async fn count_while(
    flow: &Flow<'_>,
    response: &mut ResponseFuture,
    pipe: &Pipe,
    mut informing: Pin<&mut impl Future<Output = Result<(), Stop>>>,
) -> Result<(), Stop> {
    let mut counted = Ok(());
    poll_fn(|context| {
        if let Poll::Ready(informed) = informing.as_mut().poll(context) {
            return Poll::Ready(informed);
        }
        while counted.is_ok()
            && let Poll::Ready(Some(Ok(more))) = response.poll_informational(context)
        {
            counted = flow.count_interim(fields::length(more.headers()));
            if counted.is_err() {
                pipe.reset(h2::Reason::CANCEL);
            }
        }
        Poll::Pending
    })
    .await?;
    counted
}

enum Head {
    Interim(Response<()>),
    Final(Response<RecvStream>),
}

async fn next_head(flow: &Flow<'_>, response: &mut ResponseFuture) -> Result<Head, Stop> {
    let head = poll_fn(|context| {
        if let Poll::Ready(Some(interim)) = response.poll_informational(context) {
            return Poll::Ready(interim.map(Head::Interim));
        }
        Poll::Ready(ready!(std::pin::pin!(&mut *response).poll(context)).map(Head::Final))
    })
    .await
    .map_err(|error| {
        match was_refused(&error) {
            // What the instance says it has not looked at may be sent again.
            true => flow.sent.set(Sent::Nothing),
            false => flow.has_sent(),
        }
        if error.is_reset() && error.is_remote() {
            flow.was_reset();
        }
        Stop::Fault(fault_of(flow, &error))
    })?;
    flow.has_sent();
    flow.received.set(true);
    Ok(head)
}

/// Whether the instance says that it has not processed the stream (RFC 9113 section 8.7).
fn was_refused(error: &h2::Error) -> bool {
    error.is_remote() && (error.is_go_away() || error.reason() == Some(h2::Reason::REFUSED_STREAM))
}

fn fault_of(flow: &Flow<'_>, error: &h2::Error) -> Fault {
    let reason = if error.is_library() { Reason::BadResponse } else { Reason::Reset };
    Fault::new(reason, format!("{}: {error}", flow.local.shared.id))
}
