//! Connections to one instance that speaks HTTP/2, in one worker: few, with many streams each.

use std::{
    cell::{Cell, RefCell},
    future::poll_fn,
    pin::Pin,
    rc::{Rc, Weak},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use h2::client::{Builder, Connection, ResponseFuture, SendRequest};
use http::Request;
use model::{Reason, spec::MessageLimits};
use tokio::time::{Instant, sleep, timeout, timeout_at};
use wire::http1::HeadLimits;

use super::{
    DATA_FRAME_BUDGET,
    chunk::{Chunk, Queue},
    fields,
    io::Io,
    pipe::Pipe,
    wire::Wire,
};
use crate::{
    attempt::{self, Failed},
    call::Call,
    client::LINGER,
    instance::{Lease, Local},
    pool::Reserved,
    problem::Fault,
    signal::Signal,
    worker::Worker,
};

/// The streams that a connection takes as long as its peer has not said how many (RFC 9113 section 6.5.2).
const STREAMS_BEFORE_SETTINGS: usize = 1;

/// The connections to an instance that take streams.
#[derive(Default)]
pub(crate) struct Links {
    open: RefCell<Vec<Rc<Link>>>,
    connecting: Cell<bool>,
    /// Fired when a connection was made or could not be, and when it is known how many streams one takes.
    changed: Signal,
    /// How often none could be made.
    failures: Cell<u32>,
}

/// A connection that streams share.
pub(super) struct Link {
    sender: SendRequest<Chunk>,
    queue: Rc<Queue>,
    streams: Cell<usize>,
    /// Whether the peer has said how many streams it takes.
    is_settled: Cell<bool>,
    quiet_since: Cell<Instant>,
}

/// The right to one stream, until it is dropped.
pub(super) struct Place {
    link: Rc<Link>,
    /// The connection was there before.
    pub(super) is_pooled: bool,
}

impl Links {
    /// No connection takes another stream; each is closed when its last stream ends.
    pub(crate) fn close(&self) {
        self.open.borrow_mut().clear();
        self.changed.fire();
    }

    fn place(&self) -> Option<Place> {
        let open = self.open.borrow();
        let has_room = |link: &&Rc<Link>| link.streams.get() < link.sender.current_max_send_streams();
        open.iter().find(has_room).map(|link| Place::new(link, true))
    }

    /// Whether a connection is being made, or its peer has not yet said how many streams it takes.
    fn is_growing(&self) -> bool {
        self.connecting.get() || self.open.borrow().iter().any(|link| !link.is_settled.get())
    }

    fn remove(&self, gone: &Weak<Link>) {
        self.open.borrow_mut().retain(|link| !std::ptr::eq(Rc::as_ptr(link), gone.as_ptr()));
    }
}

/// A place on a connection. Requests that come while one is made wait for it.
pub(super) async fn place(worker: &Rc<Worker>, lease: &Lease, call: &Call) -> Result<Place, Failed> {
    let local = lease.local();
    let links = &local.links;
    let failures = links.failures.get();
    while links.failures.get() == failures {
        if !local.serving.get() {
            return Err(Failed::Left);
        }
        if let Some(place) = links.place() {
            return Ok(place);
        }
        if !links.is_growing() {
            break;
        }
        let late = |_| Failed::Over(crate::call::Ended::Fault(attempt::late(call, call.deadline.at)));
        timeout_at(call.deadline.at, links.changed.wait()).await.map_err(late)?;
    }
    let _connecting = Connecting::new(links);
    let connected = connect(worker, lease, call).await;
    links.failures.set(links.failures.get() + u32::from(connected.is_err()));
    connected
}

/// While one connects, others wait.
struct Connecting<'a>(&'a Links);

impl<'a> Connecting<'a> {
    fn new(links: &'a Links) -> Self {
        links.connecting.set(true);
        Self(links)
    }
}

impl Drop for Connecting<'_> {
    fn drop(&mut self) {
        self.0.connecting.set(false);
        self.0.changed.fire();
    }
}

async fn connect(worker: &Rc<Worker>, lease: &Lease, call: &Call) -> Result<Place, Failed> {
    let (reserved, socket) = attempt::dial(lease, call).await?;
    let local = lease.local();
    let limits = &call.connection.policy().limits;
    let io = Io::new(Bytes::new(), socket);
    let wire = io.wire();
    let handshake = settings(limits, &call.connection.shared.heads.response).handshake(io);
    let broken =
        |detail: String| Failed::Again(Fault::new(Reason::Reset, format!("{}: {detail}", local.shared.id)), None);
    let (sender, connection) = match timeout_at(call.deadline.at, handshake).await {
        Ok(Ok(made)) => made,
        Ok(Err(error)) => return Err(broken(error.to_string())),
        Err(_) => return Err(broken("it does not read".into())),
    };
    let link = Rc::new(Link {
        sender,
        queue: Queue::new(limits.buffer),
        streams: Cell::new(0),
        is_settled: Cell::new(false),
        quiet_since: Cell::new(Instant::now()),
    });
    let place = Place::new(&link, false);
    if local.serving.get() {
        local.links.open.borrow_mut().push(link.clone());
    }
    let driven = Driven { link: Rc::downgrade(&link), connection, _counted: reserved };
    worker.spawn(drive(local.clone(), wire, driven, limits.upstream_idle));
    Ok(place)
}

fn settings(limits: &MessageLimits, heads: &HeadLimits) -> Builder {
    let size = |size: model::ByteSize| u32::try_from(size.0).unwrap_or(u32::MAX);
    let count = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
    let mut settings = Builder::new();
    settings
        .enable_push(false)
        .initial_max_send_streams(STREAMS_BEFORE_SETTINGS)
        .initial_window_size(size(limits.http2.window))
        .initial_connection_window_size(size(limits.http2.connection_window))
        .data_frame_budget(DATA_FRAME_BUDGET)
        .max_local_error_reset_streams(Some(count(limits.http2.local_resets)))
        .max_header_list_size(fields::list_max(heads));
    settings
}

/// A connection, and what its driver needs.
struct Driven {
    link: Weak<Link>,
    connection: Connection<Io, Chunk>,
    _counted: Reserved,
}

/// Reads and writes the connection until it ends. It ends by itself once nothing refers to it and its last stream has ended.
async fn drive(local: Rc<Local>, wire: Rc<Wire>, mut driven: Driven, idle: Duration) {
    loop {
        let wanted = local.shared.wanted.notified();
        if driven.is_idle() && local.shared.wants_idle(0) {
            local.links.remove(&driven.link);
        }
        tokio::select! {
            biased;
            () = wire.drive(|context| driven.poll(&local, context)) => break,
            () = wanted => {}
            () = sleep(idle) => match driven.link.upgrade() {
                None => {
                    let _ = timeout(LINGER, wire.drive(|context| driven.poll(&local, context))).await;
                    break;
                }
                Some(link) if link.is_quiet_for(idle) => local.links.remove(&driven.link),
                Some(_) => {}
            }
        }
    }
    local.links.remove(&driven.link);
    local.links.changed.fire();
}

impl Driven {
    fn is_idle(&self) -> bool {
        self.link.upgrade().is_some_and(|link| link.streams.get() == 0)
    }

    /// Ready when the connection has ended.
    fn poll(&mut self, local: &Local, context: &mut Context<'_>) -> Poll<()> {
        let polled = Pin::new(&mut self.connection).poll(context).map(drop);
        if let Some(link) = self.link.upgrade()
            && link.sender.current_max_send_streams() != STREAMS_BEFORE_SETTINGS
        {
            link.settle(local);
        }
        polled
    }
}

impl Link {
    /// The peer has said how many streams it takes.
    fn settle(&self, local: &Local) {
        if !self.is_settled.replace(true) {
            local.links.changed.fire();
        }
    }

    fn is_quiet_for(&self, idle: Duration) -> bool {
        self.streams.get() == 0 && self.quiet_since.get() + idle <= Instant::now()
    }
}

impl Place {
    fn new(link: &Rc<Link>, is_pooled: bool) -> Self {
        link.streams.set(link.streams.get() + 1);
        Self { link: link.clone(), is_pooled }
    }

    /// Opens the stream; with `ends` the request has no body.
    ///
    /// # Errors
    /// When the connection takes no streams any more: nothing was sent.
    pub(super) async fn open(&self, request: Request<()>, ends: bool) -> Result<(ResponseFuture, Pipe), h2::Error> {
        let mut sender = self.link.sender.clone();
        poll_fn(|context| sender.poll_ready(context)).await?;
        let (response, stream) = sender.send_request(request, ends)?;
        Ok((response, Pipe::new(stream, self.link.queue.clone())))
    }

    /// The peer has answered, so it has also said how many streams it takes.
    pub(super) fn settle(&self, local: &Local) {
        self.link.settle(local);
    }

    /// The connection takes no streams any more.
    pub(super) fn give_up(&self, local: &Local) {
        local.links.remove(&Rc::downgrade(&self.link));
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.link.streams.set(self.link.streams.get() - 1);
        if self.link.streams.get() == 0 {
            self.link.quiet_since.set(Instant::now());
        }
    }
}
