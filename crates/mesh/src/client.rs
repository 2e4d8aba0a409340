//! One connection of a client: requests one after the other. While it is idle it holds no buffer.

use std::{future::poll_fn, net::IpAddr, pin::pin, rc::Rc, task::Poll, time::Duration};

use bytes::Bytes;
use model::{Problem, Reason, Timestamp, spec::MessageLimits};
use tokio::time::timeout;
use wire::http1::HeadLimits;

use crate::{
    attest,
    buffer::Scratch,
    connection::Heads,
    crew::Seat,
    exchange,
    guests::Guest,
    http2,
    listener::Entry,
    problem::{self, Fault},
    refused::{self, Refused},
    request_head::{Read, look, read_head},
    socket::Socket,
    tcp,
    timer::{Timer, within},
    worker::Worker,
};

/// A client's connection.
pub(crate) struct Client {
    pub(crate) socket: Socket,
    pub(crate) entry: Entry,
    pub(crate) peer: IpAddr,
    /// For what it waits for between its messages.
    pub(crate) timer: Timer,
    /// When it takes no more requests.
    pub(crate) retires: Option<Timestamp>,
    /// Once it is counted.
    pub(crate) guest: Option<Guest>,
    pub(crate) _seat: Seat,
}

/// What happens to a client's connection after a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// Another request may come.
    Keep,
    /// It is closed.
    Close,
    /// It is closed once the client has read the answer: what it still sends is thrown away for a while.
    Linger,
    /// It began with the preface of HTTP/2.
    Http2,
    /// It is closed so that the client sees that the answer is not whole.
    Break,
}

/// How long a client may be quiet until its connection gives up the room that a request takes. It is so much more with each request
/// that came before, up to a bound: whoever is busy is seldom looked after.
const QUIET: Duration = Duration::from_millis(10);
const QUIET_MAX: Duration = Duration::from_millis(160);
/// How long the rest of a request is read and thrown away, so that the client gets the answer to it.
pub(crate) const LINGER: Duration = Duration::from_secs(5);

impl Client {
    pub(crate) fn new(worker: &Worker, socket: Socket, entry: Entry, peer: IpAddr, seat: Seat) -> Self {
        // A tenth more or less, so that clients that came together do not leave together.
        let part = 0.9 + worker.chance() / 5.0;
        let retires = limits(worker, entry).0.client_age.map(|age| worker.now() + age.mul_f64(part));
        Self { socket, entry, peer, timer: Timer::default(), retires, guest: None, _seat: seat }
    }

    /// Whether it takes no more requests after this one.
    pub(crate) fn has_retired(&self, worker: &Worker) -> bool {
        worker.is_retiring() || self.retires.is_some_and(|at| at <= worker.recent())
    }
}

/// How large and how slow the messages of a client may be, and how large the heads of its requests.
pub(crate) fn limits(worker: &Worker, entry: Entry) -> (MessageLimits, HeadLimits) {
    with_limits(worker, entry, |limits, heads| (*limits, *heads))
}

fn with_limits<T>(worker: &Worker, entry: Entry, take: impl FnOnce(&MessageLimits, &HeadLimits) -> T) -> T {
    let view = worker.view();
    let known = match entry {
        Entry::Gateway => view.table.gateway.as_ref().map(|gateway| (&gateway.policy.limits, &gateway.heads)),
        Entry::Address(address) => view.table.addresses.get(&address).map(|address| {
            let connection = &view.table.connections[address.connection];
            (&connection.policy.limits, &connection.heads)
        }),
    };
    if let Some((limits, heads)) = known {
        return take(limits, &heads.request);
    }
    let limits = MessageLimits::edge();
    take(&limits, &Heads::new(&limits).request)
}

/// What holds before it is known where a request goes.
#[derive(Clone, Copy)]
struct Terms {
    idle: Duration,
    head_timeout: Duration,
    heads: HeadLimits,
}

impl Terms {
    fn of(worker: &Worker, entry: Entry) -> Self {
        with_limits(worker, entry, |limits, heads| Self {
            idle: limits.client_idle,
            head_timeout: limits.head_timeout,
            heads: *heads,
        })
    }
}

/// Serves a client until its connection ends, in a task of its own.
pub(crate) fn serve(worker: &Rc<Worker>, mut client: Client) {
    match client.enter(worker) {
        Ok(()) => worker.spawn(attend(worker.clone(), client)),
        Err(fault) if client.entry != Entry::Gateway => attest::refuse(worker, client, fault),
        Err(fault) => {
            let sent = turn_away(&mut client.socket, &fault);
            refused::write_down(
                worker,
                client.entry,
                client.peer,
                fault.reason,
                Refused { sent, ..Refused::default() },
            );
        }
    }
}

/// Serves a client that is counted.
pub(crate) fn attend(worker: Rc<Worker>, client: Client) -> impl Future<Output = ()> {
    // Bytes that are no part of a request yet, such as half a record of TLS, do not make it less idle.
    let mut visit = Visit { client, idle_since: worker.now(), fresh: true };
    // A block has one place for what it takes, an async function two.
    async move {
        if let Some(connection) = tcp::connection(&worker, visit.client.entry) {
            return Box::pin(tcp::serve(worker, visit.client, connection)).await;
        }
        while wakes(&worker, &visit).await {
            let mut attendant = worker.take_attendant();
            let left = attendant.serve(worker.clone(), visit).await;
            worker.keep_attendant(attendant);
            match left.next {
                Next::Keep => visit = left.visit,
                Next::Http2 => return Box::pin(http2::serve(worker, left.visit.client, left.first)).await,
                next => {
                    visit = left.visit;
                    return close(&worker, &mut visit.client, next).await;
                }
            }
        }
        visit.client.socket.take_leave();
    }
}

/// A client, and what is known of it from its requests so far.
pub(crate) struct Visit {
    client: Client,
    /// When its last request ended, or it came.
    idle_since: Timestamp,
    /// It has sent no request yet.
    fresh: bool,
}

/// A client that is quiet or at its end.
pub(crate) struct Left {
    visit: Visit,
    next: Next,
    /// What was read of HTTP/2.
    first: Bytes,
}

/// Whether the client sends something, or leaves, before it has been idle for too long. Who is beyond its age learns that from its next
/// answer: to close as it is quiet may cost the request that is on its way.
async fn wakes(worker: &Worker, Visit { client, idle_since, .. }: &Visit) -> bool {
    let until = worker.instant(*idle_since + Terms::of(worker, client.entry).idle);
    poll_fn(|context| {
        if client.socket.poll_readable(context).is_ready() {
            return Poll::Ready(true);
        }
        client.timer.poll(until, context).map(|()| false)
    })
    .await
}

/// Answers a client that is not served.
pub(crate) async fn refuse(worker: &Worker, mut client: Client, fault: Fault) {
    let mut scratch = worker.take_scratch();
    let next = exchange::refuse(worker, &mut client, &mut scratch, fault).await;
    worker.keep_scratch(scratch);
    close(worker, &mut client, next).await;
}

/// One request after the other, until there is none for a while.
pub(crate) async fn requests(worker: &Rc<Worker>, mut visit: Visit, scratch: &mut Scratch) -> Left {
    let mut quiet = QUIET;
    loop {
        if let Some(next) = first_bytes(worker, &mut visit.client, scratch, quiet).await {
            return Left { visit, next, first: Bytes::new() };
        }
        let mut next = Next::Keep;
        while next == Next::Keep && !scratch.input.is_empty() {
            next = serve_one(worker, &mut visit.client, scratch, visit.fresh).await;
            (visit.idle_since, visit.fresh) = (worker.recent(), false);
        }
        quiet = (quiet + QUIET).min(QUIET_MAX);
        if next != Next::Keep {
            let first = if next == Next::Http2 { scratch.input.data() } else { &[] };
            return Left { visit, next, first: Bytes::copy_from_slice(first) };
        }
    }
}

/// Reads the first bytes of a request, or says why there are none.
async fn first_bytes(worker: &Worker, client: &mut Client, scratch: &mut Scratch, quiet: Duration) -> Option<Next> {
    let quiet = worker.instant(worker.recent() + quiet);
    let (mut reader, _) = client.socket.split();
    poll_fn(|context| match reader.poll_read(context, scratch.input.space()) {
        Poll::Ready(Ok(count @ 1..)) => {
            scratch.input.filled(count);
            Poll::Ready(None)
        }
        Poll::Ready(_) => Poll::Ready(Some(Next::Close)),
        Poll::Pending => client.timer.poll(quiet, context).map(|()| Some(Next::Keep)),
    })
    .await
}

async fn close(worker: &Worker, client: &mut Client, next: Next) {
    match next {
        Next::Linger => Box::pin(linger(worker, &mut client.socket)).await,
        Next::Break => client.socket.reset_on_close(),
        Next::Keep | Next::Close | Next::Http2 => client.socket.take_leave(),
    }
}

/// Answers before anything was read, as far as that goes without waiting: who comes in too great numbers gets no more of our time.
/// Returns the bytes that went.
fn turn_away(socket: &mut Socket, fault: &Fault) -> usize {
    let problem = Problem { detail: fault.detail.clone(), ..Problem::of(fault.reason) };
    let mut answer = Vec::new();
    problem::write(&problem, fault, false, Some("close"), &mut answer);
    socket.try_write(&answer)
}

async fn serve_one(worker: &Rc<Worker>, client: &mut Client, scratch: &mut Scratch, fresh: bool) -> Next {
    let Terms { heads, head_timeout, .. } = Terms::of(worker, client.entry);
    let read = match look(scratch, &heads, fresh).transpose() {
        Some(read) => Ok(read),
        None => within(head_timeout, pin!(read_head(client, scratch, &heads, fresh))).await,
    };
    match read {
        Ok(Ok(Read::Head)) => exchange::run(worker, client, scratch).await,
        Ok(Ok(Read::Preface)) => Next::Http2,
        Ok(Ok(Read::End)) => Next::Close,
        Ok(Err(fault)) => exchange::refuse(worker, client, scratch, fault).await,
        Err(_) => {
            let limit = model::format_duration(head_timeout);
            let fault = Fault::new(Reason::RequestTimeout, format!("no whole head within {limit}"));
            exchange::refuse(worker, client, scratch, fault).await
        }
    }
}

pub(crate) async fn linger(worker: &Worker, socket: &mut Socket) {
    let (mut reader, mut writer) = socket.split();
    let mut scratch = worker.take_scratch();
    if writer.shutdown().await.is_ok() {
        let discard = async { while matches!(reader.read(scratch.input.space()).await, Ok(1..)) {} };
        let _ = timeout(LINGER, discard).await;
    }
    worker.keep_scratch(scratch);
}
