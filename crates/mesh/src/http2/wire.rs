//! The way to the peer of one connection: what is small waits for what follows it, so that many frames take one system call.

use std::{
    cell::RefCell,
    future::poll_fn,
    io::{self, IoSlice},
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::socket::Socket;

/// Frames of so many bytes together are copied; larger ones are not worth it.
const SMALL: usize = 4 * 1024;
/// So many bytes wait at the most.
const WAITING_MAX: usize = 16 * 1024;

/// A socket, and the frames that wait to be written to it.
pub(super) struct Wire(RefCell<Line>);

struct Line {
    socket: Socket,
    waiting: BytesMut,
    /// The peer took less than there was.
    is_stalled: bool,
}

impl Wire {
    pub(super) fn new(socket: Socket) -> Rc<Self> {
        Rc::new(Self(RefCell::new(Line { socket, waiting: BytesMut::new(), is_stalled: false })))
    }

    pub(super) fn poll_read(&self, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0.borrow_mut().socket).poll_read(context, into)
    }

    /// Takes frames; what is small is not written before the end of a step of [`Wire::drive`].
    pub(super) fn poll_write(&self, context: &mut Context<'_>, parts: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let mut line = self.0.borrow_mut();
        let count = parts.iter().map(|part| part.len()).sum();
        if count <= SMALL && line.waiting.len() + count <= WAITING_MAX {
            parts.iter().for_each(|part| line.waiting.extend_from_slice(part));
            return Poll::Ready(Ok(count));
        }
        ready!(line.poll_flush(context))?;
        let written = Pin::new(&mut line.socket).poll_write_vectored(context, parts);
        line.is_stalled = written.is_pending();
        written
    }

    /// Whether frames wait for the peer to read.
    pub(super) fn is_stalled(&self) -> bool {
        self.0.borrow().is_stalled
    }

    /// Drives a connection: whenever it has nothing more to do for now, what waits is written.
    pub(super) async fn drive<T>(&self, mut step: impl FnMut(&mut Context<'_>) -> Poll<T>) -> T {
        poll_fn(|context| {
            let stepped = step(context);
            // If it fails, so does the next read, which ends the connection.
            let _ = self.poll_flush(context);
            stepped
        })
        .await
    }

    fn poll_flush(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.borrow_mut().poll_flush(context)
    }

    pub(super) fn poll_shutdown(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut line = self.0.borrow_mut();
        ready!(line.poll_flush(context))?;
        Pin::new(&mut line.socket).poll_shutdown(context)
    }
}

impl Line {
    fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.waiting.is_empty() {
            let written = Pin::new(&mut self.socket).poll_write(context, &self.waiting);
            self.is_stalled = written.is_pending();
            let count = ready!(written)?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.waiting.advance(count);
        }
        Pin::new(&mut self.socket).poll_flush(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::AsyncReadExt,
        net::{TcpListener, TcpStream},
    };

    use super::*;

    /// Writes parts of these lengths; so many bytes wait then, and all of them are at the peer after a flush.
    async fn check(lengths: &[usize], waiting: usize) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let ours = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        ours.writable().await.unwrap();
        let (mut peer, _) = listener.accept().await.unwrap();
        let wire = Wire::new(Socket::of_tcp(ours));
        let mut context = Context::from_waker(std::task::Waker::noop());
        for length in lengths {
            let part = vec![7; *length];
            let written = wire.poll_write(&mut context, &[IoSlice::new(&part)]);
            assert!(matches!(written, Poll::Ready(Ok(count)) if count == *length), "{written:?}");
        }
        assert_eq!(wire.0.borrow().waiting.len(), waiting, "{lengths:?}");
        assert!(wire.poll_flush(&mut context).is_ready());
        drop(wire);
        assert_eq!(peer.read_to_end(&mut Vec::new()).await.unwrap(), lengths.iter().sum::<usize>(), "{lengths:?}");
    }

    #[tokio::test]
    async fn what_is_small_waits_for_the_flush() {
        for (lengths, waiting) in [
            (&[][..], 0),
            (&[1000, 9], 1009),
            (&[SMALL, SMALL, SMALL, SMALL], WAITING_MAX),
            (&[SMALL, SMALL, SMALL, SMALL, 1], 0),
            (&[SMALL + 1], 0),
            (&[9, SMALL + 1, 9], 9),
        ] {
            check(lengths, waiting).await;
        }
    }
}
