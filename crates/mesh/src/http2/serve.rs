//! One connection of a client that speaks HTTP/2: each stream is served by a task of the same worker.

use std::{
    cell::Cell,
    future::poll_fn,
    net::IpAddr,
    rc::Rc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use h2::server::{Builder, Connection};
use model::spec::MessageLimits;
use tokio::time::{Instant, sleep_until, timeout};
use wire::http1::HeadLimits;

use super::{
    chunk::{Chunk, Queue},
    hands::{self, Job},
    io::Io,
};
use crate::{
    client::{self, Client, LINGER},
    listener::Entry,
    worker::Worker,
};

/// What the limits of RFC 9113 section 6.5.2 count for a field besides name and value.
const FIELD_BYTES: usize = 32;

/// What the streams of a connection share.
pub(super) struct Entrance {
    pub(super) entry: Entry,
    pub(super) peer: IpAddr,
    pub(super) queue: Rc<Queue>,
    streams: Cell<u32>,
    /// When the last stream ended, or the connection began.
    quiet_since: Cell<Instant>,
}

impl Entrance {
    /// A stream has ended.
    pub(super) fn leave(&self) {
        self.streams.set(self.streams.get() - 1);
        if self.streams.get() == 0 {
            self.quiet_since.set(Instant::now());
        }
    }
}

/// Serves a client until its connection ends; `first` is what it has sent so far.
pub(crate) async fn serve(worker: Rc<Worker>, client: Client, first: Bytes) {
    let (limits, heads) = client::limits(&worker, client.entry);
    let entrance = Rc::new(Entrance {
        entry: client.entry,
        peer: client.peer,
        queue: Rc::default(),
        streams: Cell::new(0),
        quiet_since: Cell::new(Instant::now()),
    });
    let io = Io::new(first, client.socket);
    if let Ok(Ok(connection)) = timeout(limits.head_timeout, settings(&limits, &heads).handshake(io)).await {
        accept_all(&worker, &entrance, connection, limits.client_idle).await;
    }
}

fn settings(limits: &MessageLimits, heads: &HeadLimits) -> Builder {
    let small = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let size = |size: model::ByteSize| u32::try_from(size.0).unwrap_or(u32::MAX);
    let count = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
    let mut settings = Builder::new();
    settings
        .max_concurrent_streams(limits.http2.streams)
        .initial_window_size(size(limits.http2.window))
        .initial_connection_window_size(size(limits.http2.connection_window))
        .max_pending_accept_reset_streams(count(limits.http2.resets))
        .max_local_error_reset_streams(Some(count(limits.http2.local_resets)))
        // Beyond it the crate refuses by itself, without a reason: what the codec refuses comes before.
        .max_header_list_size(small(heads.head_bytes_max + FIELD_BYTES * heads.fields_max));
    settings
}

async fn accept_all(
    worker: &Rc<Worker>,
    entrance: &Rc<Entrance>,
    mut connection: Connection<Io, Chunk>,
    idle: Duration,
) {
    let mut closing = false;
    let mut check = Instant::now() + idle;
    loop {
        if !closing && worker.view().table.shutting_down {
            closing = true;
            check = Instant::now() + LINGER;
            connection.graceful_shutdown();
        }
        tokio::select! {
            biased;
            () = poll_fn(|context| poll_accept(worker, entrance, &mut connection, context)) => return,
            () = worker.changed.wait() => {}
            () = sleep_until(check) => {
                let limit = if closing { LINGER } else { idle };
                let quiet = entrance.streams.get() == 0 && entrance.quiet_since.get() + limit <= Instant::now();
                if quiet && closing {
                    return;
                }
                if quiet {
                    closing = true;
                    connection.graceful_shutdown();
                }
                check = Instant::now() + if closing { LINGER } else { limit };
            }
        }
    }
}

/// Hands over what the client has sent; ready when the connection has ended.
fn poll_accept(
    worker: &Rc<Worker>,
    entrance: &Rc<Entrance>,
    connection: &mut Connection<Io, Chunk>,
    context: &mut Context<'_>,
) -> Poll<()> {
    while let Some(Ok((request, respond))) = ready!(connection.poll_accept(context)) {
        entrance.streams.set(entrance.streams.get() + 1);
        hands::serve(worker, Job { entrance: entrance.clone(), request, respond });
    }
    Poll::Ready(())
}
