//! A request of a client that speaks HTTP/2, sent to a second instance too if the first one takes long (see [`crate::hedge`]).

use std::{pin::pin, rc::Rc, time::Duration};

use super::{stream::Http2Request, to_http1};
use crate::{
    attempt::{self, Failed},
    buffer::Scratch,
    call::Call,
    client::Next,
    flow::{Flow, Stop},
    hedge::{self, Answering, Asked},
    instance::Lease,
    pool,
    socket::Socket,
    upload::Stopped,
    worker::Worker,
};

/// Sends the request to the leased instance and, in time, to another one; the response goes to the client.
pub(super) async fn run(
    worker: &Rc<Worker>,
    request: &mut Http2Request<'_>,
    call: &Call,
    lease: &Lease,
    delay: Duration,
) -> Result<Next, Failed> {
    let began = worker.recent();
    let Scratch { request: head, outgoing, .. } = &*request.scratch;
    let asked = Asked { call, request: head, head: outgoing };
    let answering = hedge::ask_two(worker, asked, lease, delay, request.outlet.gone()).await?;
    let Answering { local, lease: second, mut upstream, reply } = answering;
    request.scratch.reply = reply;
    request.scratch.response.reset();
    let timer = Some(request.timer);
    let flow = hedge::flow_of(Flow { timer, ..Flow::new(worker, request.facts, call, &local, began) });
    let result = transfer(&flow, request, &mut upstream.socket).await;
    if second.is_some() {
        call.answered.replace(Some(local.clone()));
    }
    let reusable = result.map_err(|stop| flow.judge(stop, false))?;
    if reusable && request.scratch.reply.is_empty() {
        pool::keep(worker, &local, upstream, call.connection.policy().limits.upstream_idle);
    }
    Ok(Next::Keep)
}

/// Returns whether the instance takes another request on the connection.
async fn transfer(flow: &Flow<'_>, request: &mut Http2Request<'_>, upstream: &mut Socket) -> Result<bool, Stop> {
    let Http2Request { outlet, scratch, .. } = request;
    let Scratch { reply, response, .. } = &mut **scratch;
    let (reader, _) = upstream.split();
    let up = async {
        outlet.gone().await;
        Stopped::Vanished
    };
    attempt::both(flow, pin!(up), pin!(to_http1::download(flow, reader, reply, response, outlet))).await
}
