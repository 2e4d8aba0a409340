//! After a 101, and for plain TCP: bytes both ways until both ends are done.

use std::{
    cell::{Cell, RefCell},
    pin::pin,
    time::Duration,
};

use tokio::time::timeout;
use wire::websocket::{Frames, GOING_AWAY_FROM_CLIENT, GOING_AWAY_FROM_SERVER};

use crate::{
    buffer::Buffer,
    call::Call,
    signal::Signal,
    socket::{Reader, Socket, Writer},
};

/// How long the last words may take.
const FAREWELL: Duration = Duration::from_secs(1);

/// How a tunnel ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    ByPeers,
    CutOff,
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
    let (up, down) = (Direction::default(), Direction::default());
    let was_cut = {
        let (mut client_reader, mut client_writer) = client.split();
        let (mut upstream_reader, mut upstream_writer) = upstream.split();
        let mut to_upstream =
            pin!(copy(&mut client_reader, &mut upstream_writer, input, &up, |count| call.count_received(count)));
        let mut to_client =
            pin!(copy(&mut upstream_reader, &mut client_writer, reply, &down, |count| call.count_sent(count)));
        let both = async {
            tokio::select! {
                () = &mut to_upstream => { let _ = timeout(terms.after_end, to_client).await; }
                () = &mut to_client => { let _ = timeout(terms.after_end, to_upstream).await; }
            }
        };
        tokio::select! {
            biased;
            () = both => false,
            () = terms.cut.wait() => true,
        }
    };
    if !was_cut {
        return Ended::ByPeers;
    }
    if terms.websocket {
        say_farewell(upstream, &up, GOING_AWAY_FROM_CLIENT).await;
        say_farewell(client, &down, GOING_AWAY_FROM_SERVER).await;
    }
    Ended::CutOff
}

/// Copies until the end, and passes the end on.
async fn copy(
    from: &mut Reader<'_>,
    to: &mut Writer<'_>,
    buffer: &mut Buffer,
    direction: &Direction,
    count: impl Fn(usize),
) {
    loop {
        if !buffer.is_empty() {
            direction.writing.set(true);
            if to.write_all([buffer.data()]).await.is_err() {
                return;
            }
            count(buffer.data().len());
            direction.frames.borrow_mut().pass(buffer.data());
            direction.writing.set(false);
            buffer.consume(buffer.data().len());
        }
        match from.read(buffer.space()).await {
            Ok(count @ 1..) => buffer.filled(count),
            _ => break,
        }
    }
    let _ = to.shutdown().await;
}

/// A frame of ours may only stand between two frames.
async fn say_farewell(socket: &mut Socket, direction: &Direction, frame: &[u8]) {
    if direction.writing.get() || !direction.frames.borrow().at_boundary() {
        return;
    }
    let (_, mut writer) = socket.split();
    let _ = timeout(FAREWELL, writer.write_all([frame])).await;
}
