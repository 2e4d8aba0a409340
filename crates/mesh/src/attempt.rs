//! One attempt of a request: a connection to one instance, and both directions at once.

use std::{
    future::poll_fn,
    io,
    pin::{Pin, pin},
    rc::Rc,
    sync::atomic::Ordering::Relaxed,
    task::Poll,
};

use model::{InstanceId, Reason};
use ports::traffic::Target;
use tokio::time::{Instant, timeout_at};

use crate::{
    buffer::Scratch,
    call::{Call, Ended, Facts},
    client::{Client, Next},
    download::{self, Downloaded},
    flow::{Flow, Stop},
    instance::{Lease, Local},
    pool::{self, Reserved, Upstream},
    problem::Fault,
    socket::Socket,
    tunnel::{self, Terms},
    upload,
    upload::Stopped,
    worker::Worker,
};

/// Why an attempt failed.
pub(crate) enum Failed {
    /// The instance left before anything was sent.
    Left,
    /// A connection that had been idle was closed as the request came: a new one may do.
    Stale,
    /// There are as many connections to the instance as there may be.
    Full,
    /// Another instance may do, but not the second one if one was asked too.
    Again(Fault, Option<InstanceId>),
    /// Nothing more can be tried.
    Over(Ended),
}

/// Sends the request to the leased instance and the response to the client. With `reuse` an idle connection may be used.
pub(crate) async fn run(
    worker: &Rc<Worker>,
    client: &mut Client,
    scratch: &mut Scratch,
    facts: &Facts,
    call: &Call,
    lease: &Lease,
    reuse: bool,
) -> Result<Next, Failed> {
    let Client { socket: client, timer, .. } = client;
    let local = lease.local();
    let now = worker.recent();
    let pooled = if reuse { local.pool.take(now) } else { None };
    let is_pooled = pooled.is_some();
    let mut upstream = match pooled {
        Some(upstream) => upstream,
        None => {
            let (mut reader, _) = client.split();
            unless_gone(worker, upload::watch(&mut reader, &mut scratch.input), connect(lease, call)).await?
        }
    };
    if !local.serving.get() {
        return Err(Failed::Left);
    }
    scratch.reply.clear();
    scratch.response.reset();
    call.end_head(worker, &scratch.request, &mut scratch.outgoing);
    let flow = Flow { timer: Some(timer), ..Flow::new(worker, facts, call, local, now) };
    let result = transfer(&flow, client, &mut upstream.socket, scratch).await;
    match result.map_err(|stop| flow.judge(stop, is_pooled))? {
        Downloaded::Whole { reusable, keep } => Ok(finish(worker, local, &flow, upstream, scratch, reusable, keep)),
        Downloaded::Upgraded => upgraded(&flow, client, upstream, scratch).await,
    }
}

/// What is waited for before anything is sent, unless the client has `gone` before. Nobody else may have read the clock since.
pub(crate) async fn unless_gone<T>(
    worker: &Worker,
    gone: impl Future<Output = ()>,
    ready: impl Future<Output = Result<T, Failed>>,
) -> Result<T, Failed> {
    tokio::select! {
        biased;
        ready = ready => {
            worker.now();
            ready
        }
        () = gone => Err(Failed::Over(Ended::Gone)),
    }
}

/// A new connection to an instance.
pub(crate) async fn connect(lease: &Lease, call: &Call) -> Result<Upstream, Failed> {
    dial(lease, call).await.map(|(reserved, socket)| reserved.fill(socket))
}

/// Connects within the connect timeout, and before the request is due.
pub(crate) async fn dial(lease: &Lease, call: &Call) -> Result<(Reserved, Socket), Failed> {
    let (instance, policy) = (&lease.local().shared, call.connection.policy());
    let target = &instance.target;
    let limit = policy.connect_timeout;
    let room = lease.room.take().or_else(|| Reserved::new(instance, policy.limits.upstream_connections));
    let reserved = room.ok_or(Failed::Full)?;
    match timeout_at(call.deadline.at.min(Instant::now() + limit), Socket::connect(target)).await {
        Ok(Ok(socket)) => Ok((reserved, socket)),
        Ok(Err(error)) => Err(Failed::Again(Fault::new(Reason::Refused, refused(target, &error)), None)),
        Err(_) if call.deadline.at <= Instant::now() => Err(Failed::Over(Ended::Fault(late(call, call.deadline.at)))),
        Err(_) => {
            let detail = format!("no connection to {target} within {}", model::format_duration(limit));
            Err(Failed::Again(Fault::new(Reason::ConnectTimeout, detail), None))
        }
    }
}

fn refused(target: &Target, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound => format!("nothing listens on {target}"),
        _ => format!("cannot connect to {target}: {error}"),
    }
}

/// The request timed out: its answer was due then.
pub(crate) fn late(call: &Call, due: Instant) -> Fault {
    let limit = model::format_duration(call.connection.policy().timeout);
    let reason = call.deadline.reason_at(due);
    let detail = match reason {
        Reason::Timeout => format!("no response head within {limit}"),
        _ => String::new(),
    };
    Fault::new(reason, detail)
}

async fn transfer(
    flow: &Flow<'_>,
    client: &mut Socket,
    upstream: &mut Socket,
    scratch: &mut Scratch,
) -> Result<Downloaded, Stop> {
    let Scratch { input, outgoing, reply, response, answer, .. } = scratch;
    let (client_reader, client_writer) = client.split();
    let (upstream_reader, upstream_writer) = upstream.split();
    let up = pin!(upload::run(flow, client_reader, upstream_writer, outgoing, input));
    let down = pin!(download::run(flow, upstream_reader, client_writer, reply, response, answer));
    both(flow, up, down).await
}

/// Both directions, until the response has ended or the request can go no further. They are pinned by the caller: to move them here
/// would take their room twice.
pub(crate) async fn both<T>(
    flow: &Flow<'_>,
    mut up: Pin<&mut impl Future<Output = Stopped>>,
    mut down: Pin<&mut impl Future<Output = Result<T, Stop>>>,
) -> Result<T, Stop> {
    let (mut uploading, mut cut) = (true, flow.local.cut.wait());
    poll_fn(|context| {
        if let Poll::Ready(result) = down.as_mut().poll(context) {
            return Poll::Ready(result);
        }
        if uploading && let Poll::Ready(stopped) = up.as_mut().poll(context) {
            match stopped {
                Stopped::Vanished => return Poll::Ready(Err(Stop::Vanished)),
                Stopped::Refused(fault) => return Poll::Ready(Err(Stop::Fault(fault))),
                // The instance may have answered before it stopped reading.
                Stopped::Upstream => uploading = false,
            }
        }
        Pin::new(&mut cut).poll(context).map(|()| Err(Stop::Cut))
    })
    .await
}

/// Keeps the connection for later, and tells what happens to the client's.
pub(crate) fn finish(
    worker: &Rc<Worker>,
    local: &Rc<Local>,
    flow: &Flow<'_>,
    upstream: Upstream,
    scratch: &Scratch,
    reusable: bool,
    keep: bool,
) -> Next {
    let uploaded = flow.uploaded.get();
    let plain = flow.facts.upgrade.is_none();
    if reusable && uploaded && plain && scratch.reply.is_empty() {
        pool::keep(worker, local, upstream, flow.call.connection.policy().limits.upstream_idle);
    }
    match keep && uploaded && plain {
        true => Next::Keep,
        false if uploaded && scratch.input.is_empty() => Next::Close,
        false => Next::Linger,
    }
}

async fn upgraded(
    flow: &Flow<'_>,
    client: &mut Socket,
    mut upstream: Upstream,
    scratch: &mut Scratch,
) -> Result<Next, Failed> {
    let websocket = flow.facts.upgrade.as_deref().is_some_and(|name| name.eq_ignore_ascii_case(b"websocket"));
    let silence = flow.call.connection.policy().idle_timeout;
    let terms = Terms { call: flow.call, websocket, cut: &flow.local.cut, silence };
    let Scratch { input, reply, .. } = scratch;
    match tunnel::run(client, &mut upstream.socket, input, reply, &terms).await {
        tunnel::Ended::ByPeers => Ok(Next::Linger),
        tunnel::Ended::Failed(peer, reason) => Err(Failed::Over(peer.ended(flow.broken_off(Fault::new(reason, ""))))),
        tunnel::Ended::CutOff { told: false } => Err(flow.cut_off()),
        tunnel::Ended::CutOff { told: true } => {
            flow.local.shared.cut_off.fetch_add(1, Relaxed);
            flow.call.cut_off.set(true);
            Ok(Next::Linger)
        }
    }
}
