//! One connection of a client: requests one after the other. While it is idle it holds no buffer.

use std::{net::IpAddr, pin::pin, rc::Rc, time::Duration};

use bytes::Bytes;
use model::{Problem, Reason, Timestamp, spec::MessageLimits};
use tokio::time::timeout;
use wire::http1::HeadLimits;

use crate::{
    buffer::{Buffer, Scratch},
    connection::Heads,
    crew::Seat,
    exchange,
    guests::Guest,
    http2,
    listener::Entry,
    problem::{self, Fault},
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

/// How long the rest of a request is read and thrown away, so that the client gets the answer to it.
pub(crate) const LINGER: Duration = Duration::from_secs(5);

impl Client {
    pub(crate) fn new(worker: &Worker, socket: Socket, entry: Entry, peer: IpAddr, seat: Seat) -> Self {
        // A tenth more or less, so that clients that came together do not leave together.
        let part = 0.9 + worker.chance() / 5.0;
        let retires = limits(worker, entry).0.client_age.map(|age| worker.now() + age.mul_f64(part));
        Self { socket, entry, peer, timer: Timer::default(), retires, _seat: seat }
    }

    /// Whether it takes no more requests after this one.
    pub(crate) fn has_retired(&self, worker: &Worker) -> bool {
        self.retires.is_some_and(|at| at <= worker.recent())
    }

    /// Counts it, unless there are too many. Instances are not counted: their number is known.
    pub(crate) fn enter(&self, worker: &Worker) -> Result<Option<Guest>, Fault> {
        let view = worker.view();
        let Some(gateway) = view.table.gateway.as_ref().filter(|_| self.entry == Entry::Gateway) else {
            return Ok(None);
        };
        let too_many = |detail| Fault::new(Reason::TooManyConnections, detail);
        worker.guests.enter(self.peer, gateway.limits).map(Some).map_err(too_many)
    }
}

/// How large and how slow the messages of a client may be, and how large the heads of its requests.
pub(crate) fn limits(worker: &Worker, entry: Entry) -> (MessageLimits, HeadLimits) {
    let view = worker.view();
    let (limits, heads) = match entry {
        Entry::Gateway => view.table.gateway.as_ref().map(|gateway| (&gateway.policy.limits, &gateway.heads)),
        Entry::Address(address) => view.table.addresses.get(&address).map(|address| {
            let connection = &view.table.connections[address.connection];
            (&connection.policy.limits, &connection.heads)
        }),
    }
    .unzip();
    let limits = limits.copied().unwrap_or_else(MessageLimits::edge);
    let request = heads.map_or_else(|| Heads::new(&limits).request, |heads| heads.request);
    (limits, request)
}

/// Serves a client until its connection ends.
pub(crate) async fn serve(worker: Rc<Worker>, mut client: Client) {
    match client.enter(&worker) {
        Ok(_guest) => attend(worker, client).await,
        Err(fault) => turn_away(&mut client.socket, &fault),
    }
}

/// Serves a client that is counted.
pub(crate) async fn attend(worker: Rc<Worker>, mut client: Client) {
    // Bytes and HTTP/2 apart, so that idle connections of HTTP/1.1 hold no room for them.
    if let Some(connection) = tcp::connection(&worker, client.entry) {
        return Box::pin(tcp::serve(worker, client, connection)).await;
    }
    let (next, first) = requests(&worker, &mut client).await;
    if next == Next::Http2 {
        return Box::pin(http2::serve(worker, client, first)).await;
    }
    close(&worker, client, next).await;
}

/// Answers a client that is not served.
pub(crate) async fn refuse(worker: &Worker, mut client: Client, fault: Fault) {
    let mut scratch = worker.take_scratch();
    let next = exchange::refuse(worker, &mut client, &mut scratch, fault).await;
    worker.keep_scratch(scratch);
    close(worker, client, next).await;
}

/// One request after the other, until there are no more. What was read of HTTP/2 is returned.
async fn requests(worker: &Rc<Worker>, client: &mut Client) -> (Next, Bytes) {
    let (mut next, mut fresh) = (Next::Keep, true);
    // Bytes that are no part of a request yet, such as half a record of TLS, do not make it less idle.
    let mut since = worker.now();
    while next == Next::Keep {
        let (limits, _) = limits(worker, client.entry);
        let idle = since + limits.client_idle;
        let idle = worker.instant(client.retires.map_or(idle, |retires| retires.min(idle)));
        let is_readable = tokio::select! {
            biased;
            readable = client.socket.readable() => readable.is_ok(),
            () = client.timer.until(idle) => false,
        };
        if !is_readable {
            return (Next::Close, Bytes::new());
        }
        let mut scratch = worker.take_scratch();
        next = take_first_bytes(&mut client.socket, &mut scratch.input).await;
        while next == Next::Keep && !scratch.input.is_empty() {
            next = serve_one(worker, client, &mut scratch, fresh).await;
            (since, fresh) = (worker.recent(), false);
        }
        if next == Next::Http2 {
            let first = Bytes::copy_from_slice(scratch.input.data());
            worker.keep_scratch(scratch);
            return (next, first);
        }
        worker.keep_scratch(scratch);
    }
    (next, Bytes::new())
}

async fn close(worker: &Worker, mut client: Client, next: Next) {
    match next {
        Next::Linger => linger(worker, &mut client.socket).await,
        Next::Break => client.socket.reset_on_close(),
        Next::Keep | Next::Close | Next::Http2 => client.socket.take_leave(),
    }
}

/// Answers before anything was read, as far as that goes without waiting: who comes in too great numbers gets no more of our time.
fn turn_away(socket: &mut Socket, fault: &Fault) {
    let problem = Problem { detail: fault.detail.clone(), ..Problem::of(fault.reason) };
    let mut answer = Vec::new();
    problem::write(&problem, fault, false, Some("close"), &mut answer);
    socket.try_write(&answer);
}

/// What is there to read, without waiting: the poller may have been mistaken.
async fn take_first_bytes(socket: &mut Socket, input: &mut Buffer) -> Next {
    let (mut reader, _) = socket.split();
    tokio::select! {
        biased;
        read = reader.read(input.space()) => match read {
            Ok(0) | Err(_) => return Next::Close,
            Ok(count) => input.filled(count),
        },
        () = std::future::ready(()) => {}
    }
    Next::Keep
}

async fn serve_one(worker: &Rc<Worker>, client: &mut Client, scratch: &mut Scratch, fresh: bool) -> Next {
    let (limits, heads) = limits(worker, client.entry);
    let limit = limits.head_timeout;
    let read = within(limit, pin!(read_head(client, scratch, &heads, fresh))).await;
    match read {
        Ok(Ok(Read::Head)) => exchange::run(worker, client, scratch).await,
        Ok(Ok(Read::Preface)) => Next::Http2,
        Ok(Ok(Read::End)) => Next::Close,
        Ok(Err(fault)) => exchange::refuse(worker, client, scratch, fault).await,
        Err(_) => {
            let fault =
                Fault::new(Reason::RequestTimeout, format!("no whole head within {}", model::format_duration(limit)));
            exchange::refuse(worker, client, scratch, fault).await
        }
    }
}

/// What a client has sent.
pub(crate) enum Read {
    /// A whole head.
    Head,
    /// The preface of HTTP/2.
    Preface,
    /// Nothing more.
    End,
}

/// Reads until the head is whole, or proves to be the preface of a `fresh` connection.
pub(crate) async fn read_head(
    client: &mut Client,
    scratch: &mut Scratch,
    limits: &HeadLimits,
    fresh: bool,
) -> Result<Read, Fault> {
    let (mut reader, _) = client.socket.split();
    loop {
        let input = &mut scratch.input;
        if fresh && http2::is_preface(input.data()) {
            return Ok(Read::Preface);
        }
        if scratch.request.parse(input.data(), limits).map_err(Fault::of_request)? {
            return Ok(Read::Head);
        }
        match reader.read(grown_space(input, limits.head_bytes_max)).await {
            Ok(0) | Err(_) => return Ok(Read::End),
            Ok(count) => input.filled(count),
        }
    }
}

/// Room for more of a head. The parser refuses a head before it reaches the limit.
pub(crate) fn grown_space(buffer: &mut Buffer, head_bytes_max: usize) -> &mut [u8] {
    if buffer.space().is_empty() {
        let count = (buffer.data().len() * 2).min(head_bytes_max.max(buffer.data().len() + 1));
        buffer.reserve(count);
    }
    buffer.space()
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
