//! A request that takes longer than most goes to a second instance too; whichever answers first is heard ("The Tail at Scale",
//! Dean and Barroso, 2013).
//!
//! Only for requests that may be done twice and have no body, and only within the retry budget. Up to the first byte of an answer both
//! are under way; from there on it is a request like any other, and the other connection is closed. If both fail, neither is asked again.

use std::{pin::pin, rc::Rc, time::Duration};

use model::Reason;
use tokio::time::{Instant, sleep, sleep_until};
use wire::http1::RequestHead;

use crate::{
    attempt::{self, Failed},
    buffer::{Buffer, Scratch},
    call::{Call, Ended, Facts},
    client::{Client, Next},
    download,
    flow::{Flow, Stop},
    instance::{Lease, Local},
    pool::Upstream,
    problem::Fault,
    retry::{self, Sent},
    upload::{self, Stopped},
    worker::Worker,
};

/// An instance that has begun to answer.
pub(crate) struct Answering {
    pub(crate) local: Rc<Local>,
    /// Of a second instance.
    pub(crate) lease: Option<Lease>,
    pub(crate) upstream: Upstream,
    /// What has come so far.
    pub(crate) reply: Buffer,
}

/// A request that may go to two instances.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) call: &'a Call,
    pub(crate) request: &'a RequestHead,
    /// The head as it goes on, but for its end.
    pub(crate) head: &'a [u8],
}

/// Sends the request to the leased instance and, in time, to another one; the response goes to the client.
pub(crate) async fn run(
    worker: &Rc<Worker>,
    client: &mut Client,
    scratch: &mut Scratch,
    facts: &Facts,
    call: &Call,
    lease: &Lease,
    delay: Duration,
) -> Result<Next, Failed> {
    let began = worker.recent();
    let answering = {
        let Scratch { input, request, outgoing, .. } = &mut *scratch;
        let asked = Asked { call, request, head: outgoing };
        let (mut reader, _) = client.socket.split();
        ask_two(worker, asked, lease, delay, upload::watch(&mut reader, input)).await?
    };
    let Answering { local, lease: second, mut upstream, reply } = answering;
    scratch.reply = reply;
    scratch.response.reset();
    let Client { socket, timer, .. } = client;
    let flow = flow_of(Flow { timer: Some(timer), ..Flow::new(worker, facts, call, &local, began) });
    let result = transfer(&flow, socket, &mut upstream, scratch).await;
    if second.is_some() {
        call.answered.replace(Some(local.clone()));
    }
    match result.map_err(|stop| flow.judge(stop, false))? {
        download::Downloaded::Whole { reusable, keep } => {
            Ok(attempt::finish(worker, &local, &flow, upstream, scratch, reusable, keep))
        }
        // It asked for no upgrade, so the switch was refused before.
        download::Downloaded::Upgraded => Ok(Next::Close),
    }
}

async fn transfer(
    flow: &Flow<'_>,
    client: &mut crate::socket::Socket,
    upstream: &mut Upstream,
    scratch: &mut Scratch,
) -> Result<download::Downloaded, Stop> {
    let Scratch { input, reply, response, answer, .. } = scratch;
    let (mut client_reader, client_writer) = client.split();
    let (upstream_reader, _) = upstream.socket.split();
    let up = pin!(async {
        upload::watch(&mut client_reader, input).await;
        Stopped::Vanished
    });
    let down = pin!(download::run(flow, upstream_reader, client_writer, reply, response, answer));
    attempt::both(flow, up, down).await
}

/// The instance that answers first, unless the client has `gone` before.
pub(crate) async fn ask_two(
    worker: &Rc<Worker>,
    asked: Asked<'_>,
    lease: &Lease,
    delay: Duration,
    gone: impl Future<Output = ()>,
) -> Result<Answering, Failed> {
    let (call, began, local) = (asked.call, worker.recent(), lease.local());
    tokio::select! {
        biased;
        answering = race(worker, asked, lease, delay) => answering,
        () = gone => Err(Failed::Over(Ended::Gone)),
        () = local.cut.wait() => Err(Failed::Over(Ended::Fault(Fault::new(Reason::DrainTimeout, "")))),
        () = sleep_until(call.deadline.at) => {
            call.unanswered(local, began, worker.now(), Some(call.deadline.reason));
            Err(Failed::Over(Ended::Fault(attempt::late(call, call.deadline.at))))
        }
    }
}

/// The flow of a request that was sent, and whose answer has begun.
pub(crate) fn flow_of(flow: Flow<'_>) -> Flow<'_> {
    flow.has_sent();
    [&flow.uploaded, &flow.received].into_iter().for_each(|fact| fact.set(true));
    flow
}

async fn race(worker: &Rc<Worker>, asked: Asked<'_>, lease: &Lease, delay: Duration) -> Result<Answering, Failed> {
    let call = asked.call;
    let mut first = pin!(ask(worker, asked, lease));
    tokio::select! {
        biased;
        answering = &mut first => return answering,
        () = sleep(delay) => {}
    }
    let other = call.another(worker, &lease.local().shared.id).filter(|_| call.may_retry(worker));
    let Some(other) = other.map(Lease::new) else { return first.await };
    call.hedged.set(true);
    let began = Instant::now();
    let mut second = pin!(ask(worker, asked, &other));
    let won = tokio::select! {
        biased;
        answering = &mut first => Err(answering),
        answering = &mut second => Ok(answering),
    };
    // If one of them fails, the other one may still do it.
    match won {
        Err(Ok(answering)) => Ok(answering),
        Ok(Ok(answering)) => {
            lease.local().observe_at_least(delay + began.elapsed(), worker.now());
            Ok(of_second(answering))
        }
        Err(Err(failed)) => match second.await {
            Ok(answering) => {
                call.failed_by(worker, lease.local());
                Ok(of_second(answering))
            }
            Err(second) => Err(both(worker, call, &other, failed, &second)),
        },
        Ok(Err(second)) => first.await.map_err(|failed| both(worker, call, &other, failed, &second)),
    }
}

fn of_second(answering: Answering) -> Answering {
    Answering { lease: Some(Lease::new(answering.local.clone())), ..answering }
}

/// Both have failed, the other one so.
fn both(worker: &Worker, call: &Call, other: &Lease, first: Failed, second: &Failed) -> Failed {
    match (first, second) {
        (Failed::Again(fault, _), Failed::Again(..)) => {
            call.failed_by(worker, other.local());
            Failed::Again(fault, Some(other.local().shared.id.clone()))
        }
        (first, _) => first,
    }
}

/// Sends the head and waits for the first byte of an answer. A connection that was idle and closes as it is used is replaced once.
async fn ask(worker: &Worker, asked: Asked<'_>, lease: &Lease) -> Result<Answering, Failed> {
    let local = lease.local();
    let began = worker.now();
    if let Some(pooled) = local.pool.take(began) {
        match ask_on(worker, asked, pooled, local).await {
            Ok(answering) => return Ok(answering),
            Err(_) if retry::is_race(Sent::Kept, worker.now().since(began)) => asked.call.count_retry(),
            Err(fault) => return Err(Failed::Again(fault, None)),
        }
    }
    let upstream = attempt::connect(lease, asked.call).await?;
    if !local.serving.get() {
        return Err(Failed::Left);
    }
    worker.now();
    ask_on(worker, asked, upstream, local).await.map_err(|fault| Failed::Again(fault, None))
}

async fn ask_on(
    worker: &Worker,
    asked: Asked<'_>,
    mut upstream: Upstream,
    local: &Rc<Local>,
) -> Result<Answering, Fault> {
    let (mut reply, mut end) = (Buffer::default(), Vec::new());
    asked.call.end_head(worker, asked.request, &mut end);
    let (mut reader, mut writer) = upstream.socket.split();
    let broken =
        || Fault::new(Reason::Reset, format!("{}: it closed the connection without an answer", local.shared.id));
    writer.write_all([asked.head, &end]).await.map_err(|_| broken())?;
    match reader.read(reply.space()).await {
        Ok(count @ 1..) => reply.filled(count),
        _ => return Err(broken()),
    }
    Ok(Answering { local: local.clone(), lease: None, upstream, reply })
}
