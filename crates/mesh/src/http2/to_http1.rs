//! One attempt at an instance that speaks HTTP/1.1, for a client that speaks HTTP/2.

use std::{pin::pin, rc::Rc};

use model::Reason;
use wire::http1::ResponseHead;

use super::{
    body::Source,
    fields,
    http1::{Http1Sink, Http1Source},
    inlet::Watched,
    outlet::Outlet,
    relay,
    stream::Http2Request,
};
use crate::{
    attempt::{self, Failed},
    buffer::{Buffer, Scratch},
    call::Call,
    client::Next,
    download::{before_deadline, read_head, retry_after},
    flow::{Flow, Stop},
    instance::Lease,
    pool,
    problem::Fault,
    socket::{Reader, Socket},
    worker::Worker,
};

/// Sends the request to the leased instance and the response to the client. With `reuse` an idle connection may be used.
pub(super) async fn run(
    worker: &Rc<Worker>,
    request: &mut Http2Request<'_>,
    call: &Call,
    lease: &Lease,
    reuse: bool,
) -> Result<Next, Failed> {
    let local = lease.local();
    let now = worker.recent();
    let pooled = if reuse { local.pool.take(now) } else { None };
    let is_pooled = pooled.is_some();
    let mut upstream = match pooled {
        Some(upstream) => upstream,
        None => attempt::unless_gone(worker, request.body().gone(), attempt::connect(lease, call)).await?,
    };
    if !local.serving.get() {
        return Err(Failed::Left);
    }
    let Scratch { request: head, outgoing, reply, response, .. } = &mut *request.scratch;
    reply.clear();
    response.reset();
    call.end_head(worker, head, outgoing);
    let flow = Flow { timer: Some(request.timer), ..Flow::new(worker, request.facts, call, local, now) };
    let result = transfer(&flow, request, &mut upstream.socket).await;
    let reusable = result.map_err(|stop| relay::judge(&flow, &request.inlet, stop, is_pooled))?;
    if reusable && flow.uploaded.get() && request.scratch.reply.is_empty() {
        pool::keep(worker, local, upstream, call.connection.policy().limits.upstream_idle);
    }
    Ok(Next::Keep)
}

/// Returns whether the instance takes another request on the connection.
async fn transfer(flow: &Flow<'_>, request: &mut Http2Request<'_>, upstream: &mut Socket) -> Result<bool, Stop> {
    let Http2Request { inlet, outlet, scratch, facts, .. } = request;
    let Scratch { outgoing, reply, response, .. } = &mut **scratch;
    let (reader, mut writer) = upstream.split();
    let mut sink = Http1Sink::new(&mut writer, outgoing, facts.framing);
    let mut source = Watched { inlet, outlet };
    let up = relay::send(flow, &mut source, &mut sink, false);
    attempt::both(flow, pin!(up), pin!(download(flow, reader, reply, response, outlet))).await
}

pub(super) async fn download(
    flow: &Flow<'_>,
    mut from: Reader<'_>,
    reply: &mut Buffer,
    response: &mut ResponseHead,
    outlet: &Outlet,
) -> Result<bool, Stop> {
    loop {
        before_deadline(flow, pin!(read_head(flow, &mut from, reply, response))).await?;
        let head = match response.status() {
            101 => {
                let detail = "it switched to a protocol that the request did not ask for";
                return Err(Stop::Fault(Fault::new(Reason::BadResponse, detail)));
            }
            _ => fields::response(flow.worker, reply.data(), response)?,
        };
        let retry_after = retry_after(response, reply.data());
        flow.call.count_sent(response.length());
        reply.consume(response.length());
        if response.status() < 200 {
            flow.inform(response.status());
            flow.count_interim(response.length())?;
            outlet.inform(head).map_err(|_| Stop::Vanished)?;
            continue;
        }
        flow.observe(response.status(), retry_after);
        let ends = response.framing().is_empty();
        let mut source = Http1Source::new(from, reply, flow.call.connection.shared.buffer, response.framing());
        relay::check_first(flow, &mut source).await?;
        flow.answered.set(true);
        let mut pipe = outlet.begin(head, ends).map_err(|_| Stop::Vanished)?;
        if !ends {
            relay::download(flow, &mut source, &mut pipe).await?;
        }
        return Ok(response.keep_alive());
    }
}
