//! Stream sockets alike: TCP, Unix, and TCP behind TLS.

use std::{
    future::poll_fn,
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use ports::traffic::Target;
use rustix::{
    io::Errno,
    net::{RecvFlags, SendFlags, recv, send, sockopt},
};
use tokio::{
    io::{AsyncWrite, AsyncWriteExt, Interest, ReadBuf},
    net::{TcpStream, tcp},
};

use crate::{
    connect::connect_tcp,
    tls::{Names, Secure},
    unix::Unix,
};

/// What tells that a peer has closed its side or broken the connection: no socket is watched for urgent data, so of that interest only the
/// end is told.
pub(crate) const BROKEN: Interest = Interest::PRIORITY.add(Interest::ERROR);

/// A connected stream socket.
pub(crate) enum Socket {
    Tcp(TcpStream),
    Unix(Unix),
    Tls(Box<Secure>),
}

/// The half that reads.
pub(crate) enum Reader<'a> {
    Tcp(tcp::ReadHalf<'a>),
    Unix(&'a Unix),
    Tls(&'a Secure),
}

/// The half that writes.
pub(crate) enum Writer<'a> {
    Tcp(tcp::WriteHalf<'a>),
    Unix(&'a Unix),
    Tls(&'a Secure),
}

/// A write that failed; what else the host says of it is of no use.
pub(crate) struct WriteFailed {
    /// Whether some bytes were taken before.
    pub(crate) begun: bool,
    /// The peer has cut its own stream off too. The host says so once, so who reads on finds an ordinary end.
    pub(crate) reset: bool,
}

impl Socket {
    /// The hosts that it was opened for; `None` if any will do.
    pub(crate) fn names(&self) -> Option<&Names> {
        match self {
            Self::Tls(secure) => secure.names.as_ref(),
            Self::Tcp(_) | Self::Unix(_) => None,
        }
    }

    /// Connects, without a time limit.
    pub(crate) async fn connect(target: &Target) -> io::Result<Self> {
        match target {
            Target::Tcp(address) => connect_tcp(*address).await.map(Self::of_tcp),
            Target::Unix(path) => Unix::connect(path).await.map(Self::Unix),
        }
    }

    /// Small writes go out at once; a socket that refuses the option still works.
    pub(crate) fn of_tcp(stream: TcpStream) -> Self {
        let _ = stream.set_nodelay(true);
        Self::Tcp(stream)
    }

    /// The socket without its poller, for another thread's; `None` if it is no plain one of TCP, or the host fails.
    pub(crate) fn into_tcp(self) -> Option<std::net::TcpStream> {
        match self {
            Self::Tcp(stream) => stream.into_std().ok(),
            Self::Unix(_) | Self::Tls(_) => None,
        }
    }

    pub(crate) fn split(&mut self) -> (Reader<'_>, Writer<'_>) {
        match self {
            Self::Tcp(stream) => {
                let (reader, writer) = stream.split();
                (Reader::Tcp(reader), Writer::Tcp(writer))
            }
            Self::Unix(stream) => (Reader::Unix(stream), Writer::Unix(stream)),
            Self::Tls(stream) => (Reader::Tls(stream), Writer::Tls(stream)),
        }
    }

    /// Writes what goes without waiting; the number of bytes that went. The poller is not asked: of a socket that was just accepted
    /// it knows nothing yet.
    pub(crate) fn try_write(&self, bytes: &[u8]) -> usize {
        let sent = match self {
            Self::Tcp(stream) => send(stream, bytes, SendFlags::NOSIGNAL),
            Self::Unix(stream) => send(stream, bytes, SendFlags::NOSIGNAL),
            Self::Tls(stream) => return stream.try_write(bytes).unwrap_or_default(),
        };
        sent.unwrap_or_default()
    }

    /// Whether there is something to read; if not, the task is woken then.
    pub(crate) fn poll_readable(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(stream) => stream.poll_read_ready(context),
            Self::Unix(stream) => stream.poll_read_ready(context),
            Self::Tls(stream) => stream.poll_readable(context),
        }
    }

    /// Whether the peer has neither closed nor sent anything, as far as the poller knows: no system call unless it reported
    /// something.
    pub(crate) fn is_quiet(&self) -> bool {
        let mut byte = [0];
        let read = match self {
            Self::Tcp(stream) => stream.try_read(&mut byte),
            Self::Unix(stream) => stream.try_read(&mut byte),
            Self::Tls(stream) => return stream.is_quiet(),
        };
        matches!(read, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }

    /// Lets the kernel notice a peer that vanished without a word, where nothing else limits the silence.
    pub(crate) fn keep_alive(&self) {
        self.with_tcp(|stream| {
            let _ = sockopt::set_socket_keepalive(stream, true);
            let _ = sockopt::set_tcp_keepidle(stream, Duration::from_secs(60));
        });
    }

    /// Closing it will tell the peer that something was cut off.
    pub(crate) fn reset_on_close(&self) {
        self.with_tcp(|stream| {
            let _ = sockopt::set_socket_linger(stream, Some(Duration::ZERO));
        });
    }

    /// Tells the peer before closing that all was said, where the protocol has a word for it.
    pub(crate) fn take_leave(&self) {
        if let Self::Tls(stream) = self {
            stream.take_leave();
        }
    }

    fn with_tcp(&self, change: impl FnOnce(&TcpStream)) {
        match self {
            Self::Tcp(stream) => change(stream),
            Self::Tls(stream) => change(&stream.socket()),
            Self::Unix(_) => {}
        }
    }
}

impl Reader<'_> {
    /// Reads into a space that is not empty; 0 is the end.
    pub(crate) async fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        poll_fn(|context| self.poll_read(context, space)).await
    }

    /// Ends when the peer has closed its side or broken the connection, whatever there is to read before. Its end of TLS alone, or one
    /// that waits with the peer because the host here has no more room, does not show.
    pub(crate) async fn broken(&self) {
        let _ = match self {
            Self::Tcp(half) => half.as_ref().ready(BROKEN).await.map(drop),
            Self::Unix(stream) => stream.broken().await,
            Self::Tls(stream) => stream.broken().await,
        };
    }

    /// As [`Reader::read`].
    pub(crate) fn poll_read(&mut self, context: &mut Context<'_>, space: &mut [u8]) -> Poll<io::Result<usize>> {
        match self {
            Self::Tcp(half) => read_tcp(half.as_ref(), context, space),
            Self::Unix(stream) => stream.poll_read(context, space),
            Self::Tls(stream) => {
                let mut filled = ReadBuf::new(space);
                ready!(stream.poll_read(context, &mut filled))?;
                Poll::Ready(Ok(filled.filled().len()))
            }
        }
    }
}

/// Without the way through the standard library, where every call is a point of cancellation.
fn read_tcp(stream: &TcpStream, context: &mut Context<'_>, space: &mut [u8]) -> Poll<io::Result<usize>> {
    loop {
        ready!(stream.poll_read_ready(context))?;
        let mut read = Err(Errno::WOULDBLOCK);
        let _ = stream.try_io(Interest::READABLE, || {
            read = recv(stream, &mut *space, RecvFlags::empty()).map(|(count, _)| count);
            // Less than there is room for is all that there was: it need not be asked again.
            let is_all = read.is_ok_and(|count| (1..space.len()).contains(&count));
            if is_all { Err(io::ErrorKind::WouldBlock.into()) } else { read.map_err(io::Error::from) }
        });
        if read != Err(Errno::WOULDBLOCK) {
            return Poll::Ready(read.map_err(Into::into));
        }
    }
}

impl WriteFailed {
    fn of(error: &io::Error, begun: bool) -> Self {
        Self { begun, reset: error.kind() == io::ErrorKind::ConnectionReset }
    }
}

impl Writer<'_> {
    /// Writes all parts, in as few system calls as the peer allows.
    pub(crate) async fn write_all<const N: usize>(&mut self, parts: [&[u8]; N]) -> Result<(), WriteFailed> {
        let total: usize = parts.iter().map(|part| part.len()).sum();
        let mut sent = 0;
        poll_fn(|context| {
            while sent < total {
                match ready!(self.poll_write(context, &behind(parts, sent))) {
                    Ok(count @ 1..) => sent += count,
                    Ok(0) => return Poll::Ready(Err(WriteFailed { begun: sent > 0, reset: false })),
                    Err(error) => return Poll::Ready(Err(WriteFailed::of(&error, sent > 0))),
                }
            }
            Poll::Ready(Ok(()))
        })
        .await?;
        if let Self::Tls(stream) = self {
            stream.flush().await.map_err(|error| WriteFailed::of(&error, sent > 0))?;
        }
        Ok(())
    }

    /// Writes some of the parts: one alone takes the kernel less than a list of one, and the poller is asked only if it does not go at
    /// once.
    fn poll_write(&mut self, context: &mut Context<'_>, parts: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        match (self, parts) {
            (Self::Tcp(half), [one]) => match send(half.as_ref(), one, SendFlags::NOSIGNAL) {
                Err(Errno::WOULDBLOCK) => Pin::new(half).poll_write(context, one),
                sent => Poll::Ready(sent.map_err(Into::into)),
            },
            (Self::Tcp(half), _) => Pin::new(half).poll_write_vectored(context, parts),
            (Self::Unix(stream), _) => stream.poll_write(context, parts),
            (Self::Tls(stream), _) => stream.poll_write_vectored(context, parts),
        }
    }

    /// Says that nothing more will be written.
    pub(crate) async fn shutdown(&mut self) -> io::Result<()> {
        match self {
            Self::Tcp(half) => half.shutdown().await,
            Self::Unix(stream) => stream.shutdown(),
            Self::Tls(stream) => stream.shutdown().await,
        }
    }
}

/// The parts without so many bytes at the front.
fn behind<const N: usize>(parts: [&[u8]; N], mut count: usize) -> [IoSlice<'_>; N] {
    parts.map(|part| {
        let gone = count.min(part.len());
        count -= gone;
        IoSlice::new(&part[gone..])
    })
}
