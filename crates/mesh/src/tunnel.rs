//! After a 101, and for plain TCP: bytes both ways until both ends are done. Bytes have no framing, so an end is passed on only where the
//! peer declared it; one that is cut off ends both ways, and the other peer is reset.

use std::{
    cell::{Cell, RefCell},
    pin::pin,
    time::Duration,
};

use model::Reason;
use tokio::time::timeout;
use wire::websocket::{Frames, GOING_AWAY_FROM_CLIENT, GOING_AWAY_FROM_SERVER};

use crate::{
    buffer::Buffer,
    call::{self, Call},
    signal::Signal,
    socket::{Reader, Socket, Writer},
};

/// How long the last words may take.
const FAREWELL: Duration = Duration::from_secs(1);

/// How a tunnel ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    ByPeers,
    /// The connection of one broke. That to the instance is reset when it is closed; the client's is up to who serves it.
    Broken(Peer),
    CutOff,
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
    /// How long one direction may go on after the other has ended.
    pub(crate) after_end: Duration,
}

/// Where one direction stands, to know whether a frame of ours may follow.
#[derive(Default)]
struct Direction {
    frames: RefCell<Frames>,
    writing: Cell<bool>,
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
                () = &mut to_upstream => if broken.get() != Some(Peer::Client) {
                    let _ = timeout(terms.after_end, to_client).await;
                },
                () = &mut to_client => if broken.get() != Some(Peer::Instance) {
                    let _ = timeout(terms.after_end, to_upstream).await;
                },
            }
        };
        tokio::select! {
            biased;
            () = both => broken.get().map_or(Ended::ByPeers, Ended::Broken),
            () = terms.cut.wait() => Ended::CutOff,
        }
    };
    match ended {
        Ended::CutOff if terms.websocket => {
            say_farewell(upstream, &up, GOING_AWAY_FROM_CLIENT).await;
            say_farewell(client, &down, GOING_AWAY_FROM_SERVER).await;
        }
        Ended::Broken(_) => upstream.reset_on_close(),
        Ended::CutOff | Ended::ByPeers => {}
    }
    ended
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
            direction.frames.borrow_mut().pass(buffer.data());
            direction.writing.set(false);
            buffer.consume(buffer.data().len());
        }
        match from.read(buffer.space()).await {
            Ok(0) => break,
            Ok(count) => buffer.filled(count),
            Err(_) => return broken.set(Some(source)),
        }
    }
    if broken.get().is_none() {
        let _ = to.shutdown().await;
    }
}

impl Peer {
    /// How the request ends whose tunnel it broke.
    pub(crate) fn ended(self) -> call::Ended {
        match self {
            Self::Client => call::Ended::Gone,
            Self::Instance => call::Ended::Broken(Reason::Reset),
        }
    }
}

/// A frame of ours may only stand between two frames.
async fn say_farewell(socket: &mut Socket, direction: &Direction, frame: &[u8]) {
    if direction.writing.get() || !direction.frames.borrow().at_boundary() {
        return;
    }
    let (_, mut writer) = socket.split();
    let _ = timeout(FAREWELL, writer.write_all([frame])).await;
}
