//! Sockets as the crate `h2` reads and writes them.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{chunk::OVERHEAD, meter::Meter, wire::Wire};
use crate::socket::Socket;

/// So much is read at a time. Then others have their turn, and take what has come for them out of the crate `h2`.
const TURN_MAX: usize = 128 * 1024;

/// A socket whose first bytes have been read already.
pub(super) struct Io {
    first: Bytes,
    wire: Rc<Wire>,
    /// What was read in this turn; each frame of a client's bodies counts with what it takes.
    turn: usize,
    /// Of a client.
    meter: Option<Meter>,
}

impl Io {
    pub(super) fn new(first: Bytes, socket: Socket) -> Self {
        Self { first, wire: Wire::new(socket), turn: 0, meter: None }
    }

    pub(super) fn metered(first: Bytes, socket: Socket, meter: Meter) -> Self {
        Self { meter: Some(meter), ..Self::new(first, socket) }
    }

    /// What the connection has to be driven by.
    pub(super) fn wire(&self) -> Rc<Wire> {
        self.wire.clone()
    }

    fn read(&mut self, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.first.is_empty() {
            return self.wire.poll_read(context, into);
        }
        let count = self.first.len().min(into.remaining());
        into.put_slice(&self.first[..count]);
        self.first.advance(count);
        Poll::Ready(Ok(()))
    }

    fn written(&mut self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let (Poll::Ready(Ok(count)), Some(meter)) = (&written, &mut self.meter) {
            meter.sent(*count);
        }
        written
    }
}

impl AsyncRead for Io {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        // Whoever serves the connection ends it now, so nothing has to wake it.
        if self.meter.as_ref().is_some_and(Meter::is_over) {
            return Poll::Pending;
        }
        if self.turn >= TURN_MAX {
            self.turn = 0;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let before = into.filled().len();
        ready!(self.read(context, into))?;
        let bytes = &into.filled()[before..];
        self.turn += bytes.len();
        if let Some(meter) = &mut self.meter {
            meter.received(bytes);
            self.turn += meter.take_frames() * OVERHEAD;
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Io {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(context, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = self.wire.poll_write(context, parts);
        self.written(written)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// The crate flushes after nearly every frame; [`Wire::drive`] does once for all of them.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.wire.poll_shutdown(context)
    }
}
