//! One connection of a client that speaks HTTP/2: each stream is served by a task of the same worker.

use std::{
    cell::Cell,
    future::poll_fn,
    net::IpAddr,
    pin::pin,
    rc::Rc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use h2::server::{Builder, Connection};
use model::{Reason, spec::MessageLimits};
use tokio::time::{Instant, sleep_until, timeout};
use wire::http1::HeadLimits;

use super::{
    DATA_FRAME_BUDGET,
    chunk::{Chunk, Queue},
    fields,
    hands::{self, Job},
    io::Io,
    meter::{Meter, Readings},
    misuse,
    wire::Wire,
};
use crate::{
    client::{self, Client, LINGER},
    listener::Entry,
    tls::Names,
    worker::Worker,
};

/// What the streams of a connection share.
pub(super) struct Entrance {
    pub(super) entry: Entry,
    pub(super) peer: IpAddr,
    pub(super) names: Option<Names>,
    pub(super) queue: Rc<Queue>,
    pub(super) wire: Rc<Wire>,
    streams: Cell<u32>,
    readings: Rc<Readings>,
    /// Whether the client was told that it sent too many frames.
    ended: Cell<bool>,
    /// When the last stream ended, or the connection began.
    quiet_since: Cell<Instant>,
}

impl Entrance {
    fn poll_late(&self, limit: Duration, context: &mut Context<'_>) -> Poll<()> {
        self.readings.poll_late(limit, self.streams.get() > 0, context)
    }
}

/// A stream that counts as one of its connection's until this is dropped.
pub(super) struct Place(Rc<Entrance>);

impl Place {
    fn new(entrance: &Rc<Entrance>) -> Self {
        entrance.streams.set(entrance.streams.get() + 1);
        Self(entrance.clone())
    }

    pub(super) fn entrance(&self) -> &Entrance {
        &self.0
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.streams.set(self.0.streams.get() - 1);
        if self.0.streams.get() == 0 {
            self.0.quiet_since.set(Instant::now());
        }
    }
}

/// Serves a client until its connection ends; `first` is what it has sent so far.
pub(crate) async fn serve(worker: Rc<Worker>, client: Client, first: Bytes) {
    let (limits, heads) = client::limits(&worker, client.entry);
    let (readings, names) = (Rc::<Readings>::default(), client.socket.names().cloned());
    let queue = Queue::new(limits.buffer);
    let meter = Meter::new(&limits.http2, queue.clone(), readings.clone());
    let io = Io::metered(first, client.socket, meter);
    let wire = io.wire();
    let entrance = Rc::new(Entrance {
        entry: client.entry,
        peer: client.peer,
        names,
        queue,
        wire: wire.clone(),
        streams: Cell::new(0),
        readings,
        ended: Cell::new(false),
        quiet_since: Cell::new(Instant::now()),
    });
    let mut handshake = pin!(settings(&limits, &heads).handshake(io));
    let handshake = wire.drive(|context| handshake.as_mut().poll(context));
    let shaken = timeout(limits.head_timeout, handshake).await;
    let misused = match shaken {
        Ok(Ok(connection)) => {
            let retires = client.retires.map(|at| worker.instant(at));
            accept_all(&worker, &entrance, (connection, wire), &limits, retires).await
        }
        Ok(Err(error)) => misuse::reason(&error),
        Err(_) => None,
    };
    if let Some(reason) = misused {
        misuse::write_down(&worker, &entrance, reason);
    }
}

fn settings(limits: &MessageLimits, heads: &HeadLimits) -> Builder {
    let size = |size: model::ByteSize| u32::try_from(size.0).unwrap_or(u32::MAX);
    let count = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
    let mut settings = Builder::new();
    settings
        .max_concurrent_streams(limits.http2.streams)
        .initial_window_size(size(limits.http2.window))
        .initial_connection_window_size(size(limits.http2.connection_window))
        .max_pending_accept_reset_streams(count(limits.http2.resets))
        .data_frame_budget(DATA_FRAME_BUDGET)
        .max_local_error_reset_streams(Some(count(limits.http2.local_resets)))
        .max_header_list_size(fields::list_max(heads));
    settings
}

async fn accept_all(
    worker: &Rc<Worker>,
    entrance: &Rc<Entrance>,
    (mut connection, wire): (Connection<Io, Chunk>, Rc<Wire>),
    limits: &MessageLimits,
    retires: Option<Instant>,
) -> Option<Reason> {
    let idle = limits.client_idle;
    let mut closing = false;
    let sooner = |at: Instant| retires.map_or(at, |retires| retires.min(at));
    let mut check = sooner(Instant::now() + idle);
    loop {
        if !closing && (worker.is_retiring() || worker.view().table.shutting_down) {
            closing = true;
            check = Instant::now() + LINGER;
            connection.graceful_shutdown();
        }
        tokio::select! {
            biased;
            ended = wire.drive(|context| poll_accept(worker, entrance, &mut connection, context)) => return ended,
            () = poll_fn(|context| entrance.poll_late(limits.head_timeout, context)) => {
                connection.abrupt_shutdown(h2::Reason::ENHANCE_YOUR_CALM);
                let end = wire.drive(|context| poll_accept(worker, entrance, &mut connection, context));
                let _ = timeout(LINGER, end).await;
                return Some(Reason::RequestTimeout);
            }
            () = worker.changed.wait() => {}
            () = sleep_until(check) => {
                let now = Instant::now();
                let limit = if closing { LINGER } else { idle };
                let quiet = entrance.streams.get() == 0 && entrance.quiet_since.get() + limit <= now;
                if quiet && closing {
                    return None;
                }
                if !closing && (quiet || retires.is_some_and(|at| at <= now)) {
                    closing = true;
                    connection.graceful_shutdown();
                }
                check = if closing { now + LINGER } else { sooner(now + limit) };
            }
        }
    }
}

/// Hands over what the client has sent; ready when the connection has ended, with what its client did wrong.
fn poll_accept(
    worker: &Rc<Worker>,
    entrance: &Rc<Entrance>,
    connection: &mut Connection<Io, Chunk>,
    context: &mut Context<'_>,
) -> Poll<Option<Reason>> {
    loop {
        let accepted = connection.poll_accept(context);
        if entrance.readings.over.get() && !entrance.ended.replace(true) {
            connection.abrupt_shutdown(h2::Reason::ENHANCE_YOUR_CALM);
            continue;
        }
        match ready!(accepted) {
            Some(Ok((request, respond))) => {
                hands::serve(worker, Job { place: Place::new(entrance), request, respond });
            }
            Some(Err(error)) => return Poll::Ready(misuse::reason(&error)),
            None => return Poll::Ready(entrance.readings.over.get().then_some(Reason::TooManyFrames)),
        }
    }
}
