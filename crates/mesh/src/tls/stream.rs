//! A stream behind TLS. Both directions are polled by one task, so that neither needs a lock: it is borrowed for the length of
//! a poll, never across a wait.

use std::{
    cell::{RefCell, RefMut},
    future::{pending, poll_fn},
    io::{self, IoSlice, Write},
    os::fd::AsFd,
    pin::Pin,
    task::{Context, Poll},
};

use rustix::net::{RecvFlags, recv};
use rustls::ServerConnection;
use tokio::{
    io::{AsyncRead, AsyncWrite, Interest, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::server::TlsStream;

use super::Names;
use crate::{socket::BROKEN, unix::watch};

/// A client's connection after the handshake.
pub(crate) struct Secure {
    stream: RefCell<TlsStream<TcpStream>>,
    /// `None` where the client asked for none, or any will do.
    pub(crate) names: Option<Names>,
}

impl Secure {
    pub(super) fn new(stream: TlsStream<TcpStream>, names: Option<Names>) -> Self {
        Self { stream: RefCell::new(stream), names }
    }

    pub(crate) fn get_mut(&mut self) -> &mut TlsStream<TcpStream> {
        self.stream.get_mut()
    }

    /// Nothing read is the end that the client declared; an end without its word is an error (RFC 8446 section 6.1).
    pub(crate) fn poll_read(&self, context: &mut Context<'_>, space: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.stream.borrow_mut()).poll_read(context, space)
    }

    /// Encrypts some of the parts; [`Secure::flush`] sends the last of it.
    pub(crate) fn poll_write_vectored(
        &self,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.stream.borrow_mut()).poll_write_vectored(context, parts)
    }

    pub(crate) async fn flush(&self) -> io::Result<()> {
        poll_fn(|context| Pin::new(&mut *self.stream.borrow_mut()).poll_flush(context)).await
    }

    /// Says that nothing more will be written, in TLS and in TCP.
    pub(crate) async fn shutdown(&self) -> io::Result<()> {
        poll_fn(|context| Pin::new(&mut *self.stream.borrow_mut()).poll_shutdown(context)).await
    }

    /// Whether a read may give something.
    pub(crate) fn poll_readable(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut stream = self.stream.borrow_mut();
        if has_news(stream.get_mut().1) {
            return Poll::Ready(Ok(()));
        }
        stream.get_ref().0.poll_read_ready(context)
    }

    /// Whether the client has neither ended nor sent anything.
    pub(crate) fn is_quiet(&self) -> bool {
        let mut stream = self.stream.borrow_mut();
        let waits = || recv(stream.get_ref().0, &mut [0][..], RecvFlags::PEEK | RecvFlags::DONTWAIT);
        let is_silent = matches!(waits(), Err(rustix::io::Errno::WOULDBLOCK));
        is_silent && !has_news(stream.get_mut().1)
    }

    /// Writes what goes without waiting; the number of bytes that were taken.
    pub(crate) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        let mut stream = self.stream.borrow_mut();
        let (socket, session) = stream.get_mut();
        let count = session.writer().write(bytes)?;
        send_now(socket, session).map(|()| count)
    }

    /// Says that nothing more will be written, as far as that goes without waiting.
    pub(crate) fn take_leave(&self) {
        let mut stream = self.stream.borrow_mut();
        let (socket, session) = stream.get_mut();
        session.send_close_notify();
        let _ = send_now(socket, session);
    }

    /// Ends when the client has closed its side or broken the connection. The stream belongs to who polls it, so it is watched under
    /// another number; where the host has none left, nothing is seen.
    pub(crate) async fn broken(&self) -> io::Result<()> {
        let watched = self.socket().as_fd().try_clone_to_owned().and_then(|socket| watch(socket, Interest::READABLE));
        match watched {
            Ok(socket) => socket.ready(BROKEN).await.map(drop),
            Err(_) => pending().await,
        }
    }

    /// The socket beneath.
    pub(crate) fn socket(&self) -> RefMut<'_, TcpStream> {
        RefMut::map(self.stream.borrow_mut(), |stream| stream.get_mut().0)
    }
}

/// Whether there is something to read that has already left the socket: data, the end, or an error.
fn has_news(session: &mut ServerConnection) -> bool {
    session.process_new_packets().map_or(true, |state| state.plaintext_bytes_to_read() > 0 || state.peer_has_closed())
}

fn send_now(socket: &TcpStream, session: &mut ServerConnection) -> io::Result<()> {
    while session.wants_write() {
        session.write_tls(&mut Now(socket))?;
    }
    Ok(())
}

/// Writes what the socket takes at once.
struct Now<'a>(&'a TcpStream);

impl Write for Now<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
