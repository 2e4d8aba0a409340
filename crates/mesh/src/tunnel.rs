//! After a 101, and for plain TCP: bytes both ways until both ends are done. Bytes have no framing, so an end is passed on only where the
//! peer declared it; one that is cut off ends both ways, and the other peer is reset.

use std::{
    cell::{Cell, RefCell},
    future::poll_fn,
    pin::{Pin, pin},
    task::Poll,
    time::Duration,
};

use model::Reason;
use tokio::time::{sleep, timeout};
use wire::websocket::{Frames, GOING_AWAY_FROM_CLIENT, GOING_AWAY_FROM_SERVER};

use crate::{
    buffer::Buffer,
    call::{self, Call},
    problem::Fault,
    signal::Signal,
    socket::{Reader, Socket, Writer},
};

/// How long the last words may take.
const FAREWELL: Duration = Duration::from_secs(1);

/// How a tunnel ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    ByPeers,
    /// Of one the connection broke, or nothing more was heard after the other one's end. That to the instance is reset when it is
    /// closed; the client's is up to who serves it.
    Failed(Peer, Reason),
    /// Its instance's drain timed out. Whoever could not be told so is reset, as above.
    CutOff {
        /// The client has a close frame.
        told: bool,
    },
}

/// Who is at an end of a tunnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Peer {
    Client,
    Instance,
}

/// What a tunnel is for, and when it ends.
pub(crate) struct Terms<'a> {
    /// Its bytes are counted here.
    pub(crate) call: &'a Call,
    pub(crate) websocket: bool,
    /// When this fires it ends; a WebSocket is told so with status 1001.
    pub(crate) cut: &'a Signal,
    /// How long one direction may be silent after the other has ended.
    pub(crate) silence: Duration,
}

/// Where one direction stands, to know whether a frame of ours may follow, and whom it waits for.
#[derive(Default)]
struct Direction {
    frames: RefCell<Frames>,
    writing: Cell<bool>,
    /// Bytes have moved since this was looked at.
    moved: Cell<bool>,
}

/// Whose connection broke, once one did. What ends then was cut off, whatever the host says of it.
type Broken = Cell<Option<Peer>>;

/// Copies what is buffered and all that follows.
pub(crate) async fn run(
    client: &mut Socket,
    upstream: &mut Socket,
    input: &mut Buffer,
    reply: &mut Buffer,
    terms: &Terms<'_>,
) -> Ended {
    let call = terms.call;
    client.keep_alive();
    upstream.keep_alive();
    let (up, down, broken) = (Direction::default(), Direction::default(), Broken::default());
    let ended = {
        let (mut client_reader, mut client_writer) = client.split();
        let (mut upstream_reader, mut upstream_writer) = upstream.split();
        let to_upstream = copy(
            (Peer::Client, &mut client_reader),
            (Peer::Instance, &mut upstream_writer),
            input,
            &up,
            &broken,
            |count| call.count_received(count),
        );
        let to_client = copy(
            (Peer::Instance, &mut upstream_reader),
            (Peer::Client, &mut client_writer),
            reply,
            &down,
            &broken,
            |count| call.count_sent(count),
        );
        let (mut to_upstream, mut to_client) = (pin!(to_upstream), pin!(to_client));
        let both = async {
            tokio::select! {
                // Who takes nothing more may have said something before.
                () = &mut to_upstream => match broken.get() {
                    Some(Peer::Client) => None,
                    _ => silent(to_client, &down, (Peer::Instance, Peer::Client), terms.silence).await,
                },
                () = &mut to_client => match broken.get() {
                    Some(Peer::Instance) => None,
                    _ => silent(to_upstream, &up, (Peer::Client, Peer::Instance), terms.silence).await,
                },
            }
        };
        tokio::select! {
            biased;
            silent = both => {
                let broken = broken.get().map(|peer| Ended::Failed(peer, Reason::Reset));
                let silent = silent.map(|peer| Ended::Failed(peer, Reason::IdleTimeout));
                broken.or(silent).unwrap_or(Ended::ByPeers)
            }
            () = terms.cut.wait() => Ended::CutOff { told: false },
        }
    };
    let told = match ended {
        Ended::ByPeers => return ended,
        Ended::Failed(..) => false,
        Ended::CutOff { .. } => terms.websocket && say_farewell(upstream, &up, GOING_AWAY_FROM_CLIENT).await,
    };
    if !told {
        upstream.reset_on_close();
    }
    match ended {
        Ended::CutOff { .. } if terms.websocket => {
            Ended::CutOff { told: say_farewell(client, &down, GOING_AWAY_FROM_SERVER).await }
        }
        _ => ended,
    }
}

/// Copies until the end, and passes the end on.
async fn copy(
    (source, from): (Peer, &mut Reader<'_>),
    (sink, to): (Peer, &mut Writer<'_>),
    buffer: &mut Buffer,
    direction: &Direction,
    broken: &Broken,
    count: impl Fn(usize),
) {
    loop {
        if !buffer.is_empty() {
            direction.writing.set(true);
            if let Err(failed) = to.write_all([buffer.data()]).await {
                if failed.reset {
                    broken.set(Some(sink));
                }
                return;
            }
            count(buffer.data().len());
            direction.moved.set(true);
            direction.frames.borrow_mut().pass(buffer.data());
            direction.writing.set(false);
            buffer.consume(buffer.data().len());
        }
        match from.read(buffer.space()).await {
            Ok(0) => break,
            Ok(count) => {
                direction.moved.set(true);
                buffer.filled(count);
            }
            Err(_) => return broken.set(Some(source)),
        }
    }
    if broken.get().is_none() {
        let _ = to.shutdown().await;
    }
}

/// Whom a direction waits for, once it has been silent for so long; `None` if it ends before.
async fn silent(
    mut copied: Pin<&mut impl Future<Output = ()>>,
    direction: &Direction,
    (source, sink): (Peer, Peer),
    limit: Duration,
) -> Option<Peer> {
    let mut silence = pin!(sleep(limit));
    poll_fn(|context| {
        if copied.as_mut().poll(context).is_ready() {
            return Poll::Ready(None);
        }
        if direction.moved.take() {
            silence.set(sleep(limit));
        }
        silence.as_mut().poll(context).map(|()| Some(if direction.writing.get() { sink } else { source }))
    })
    .await
}

impl Peer {
    /// How the request ends whose tunnel failed by this peer.
    pub(crate) fn ended(self, fault: Fault) -> call::Ended {
        match self {
            Self::Client => call::Ended::Gone,
            Self::Instance => call::Ended::Broken(fault),
        }
    }
}

/// Says whether it went. A frame of ours may only stand between two frames.
async fn say_farewell(socket: &mut Socket, direction: &Direction, frame: &[u8]) -> bool {
    if direction.writing.get() || !direction.frames.borrow().at_boundary() {
        return false;
    }
    let (_, mut writer) = socket.split();
    matches!(timeout(FAREWELL, writer.write_all([frame])).await, Ok(Ok(())))
}
