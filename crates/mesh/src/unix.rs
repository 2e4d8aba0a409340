//! A connected Unix socket that the poller watches for what it can read.
//!
//! The kernel calls a Unix socket writable each time that its peer has read something. Whoever is registered for that is woken once
//! more for every request, so it is asked for only while a write waits.

use std::{
    cell::RefCell,
    io::{self, IoSlice, Write as _},
    net::Shutdown,
    os::{
        fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
        unix::net::UnixStream,
    },
    path::Path,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketAddrUnix, SocketFlags, SocketType, connect, recv, send, socket_with,
    sockopt,
};
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf, unix::AsyncFd};

use crate::socket::BROKEN;

/// Between two tries to connect to a socket whose backlog is full.
const BACKLOG_PAUSE: Duration = Duration::from_millis(2);

/// A connected Unix socket.
pub(crate) struct Unix {
    readable: AsyncFd<UnixStream>,
    /// The same socket under another number, while a write waits.
    writable: RefCell<Option<AsyncFd<OwnedFd>>>,
}

impl Unix {
    /// A socket that does not block.
    pub(crate) fn new(socket: UnixStream) -> io::Result<Self> {
        let readable = watch(socket, Interest::READABLE)?;
        Ok(Self { readable, writable: RefCell::default() })
    }

    /// Connects, without a time limit. A full backlog refuses a connection at once, and nothing tells when it has room again
    /// (connect(2), EAGAIN).
    pub(crate) async fn connect(path: &Path) -> io::Result<Self> {
        loop {
            match connect_now(path) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => tokio::time::sleep(BACKLOG_PAUSE).await,
                result => return Self::new(result?),
            }
        }
    }

    /// The user of the peer, as the kernel noted it when the connection was made.
    pub(crate) fn peer_user(&self) -> io::Result<u32> {
        Ok(sockopt::socket_peercred(self)?.uid.as_raw())
    }

    pub(crate) fn poll_read_ready(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.readable.poll_read_ready(context).map_ok(|mut ready| ready.retain_ready())
    }

    /// Reads what is there; no system call unless the poller reported something.
    pub(crate) fn try_read(&self, space: &mut [u8]) -> io::Result<usize> {
        self.readable.try_io(Interest::READABLE, |socket| read(socket, space))
    }

    pub(crate) fn poll_read(&self, context: &mut Context<'_>, space: &mut [u8]) -> Poll<io::Result<usize>> {
        loop {
            let mut ready = ready!(self.readable.poll_read_ready(context))?;
            match ready.try_io(|socket| read(socket.get_ref(), space)) {
                Ok(Ok(count)) => {
                    // Less than there is room for is all that there was: it need not be asked again.
                    if (1..space.len()).contains(&count) {
                        ready.clear_ready();
                    }
                    return Poll::Ready(Ok(count));
                }
                Ok(Err(error)) => return Poll::Ready(Err(error)),
                Err(_would_block) => {}
            }
        }
    }

    /// Writes some of the parts: one alone takes the kernel less than a list of one.
    pub(crate) fn poll_write(&self, context: &mut Context<'_>, parts: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let mut writable = self.writable.borrow_mut();
        loop {
            let mut ready = match &*writable {
                Some(writable) => Some(ready!(writable.poll_write_ready(context))?),
                None => None,
            };
            match self.write(parts) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => match &mut ready {
                    Some(ready) => ready.clear_ready(),
                    None => *writable = Some(self.watch_writable()?),
                },
                result => {
                    *writable = None;
                    return Poll::Ready(result);
                }
            }
        }
    }

    /// Ends when the peer has closed its side or broken the connection.
    pub(crate) async fn broken(&self) -> io::Result<()> {
        self.readable.ready(BROKEN).await.map(|mut ready| ready.retain_ready())
    }

    pub(crate) fn shutdown(&self) -> io::Result<()> {
        self.readable.get_ref().shutdown(Shutdown::Write)
    }

    fn write(&self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        match parts {
            [one] => Ok(send(self, one, SendFlags::NOSIGNAL)?),
            _ => self.readable.get_ref().write_vectored(parts),
        }
    }

    fn watch_writable(&self) -> io::Result<AsyncFd<OwnedFd>> {
        watch(self.as_fd().try_clone_to_owned()?, Interest::WRITABLE)
    }
}

/// A socket that the poller watches. The function is deprecated because of types that may close their descriptor early; what is watched here owns its own.
#[expect(deprecated, reason = "its replacement is unsafe")]
pub(crate) fn watch<T: Into<OwnedFd> + AsRawFd>(socket: T, interest: Interest) -> io::Result<AsyncFd<T>> {
    AsyncFd::with_interest(socket, interest)
}

/// Not as one reads a file, which takes the kernel longer.
fn read(socket: &UnixStream, space: &mut [u8]) -> io::Result<usize> {
    Ok(recv(socket, space, RecvFlags::empty())?.0)
}

fn connect_now(path: &Path) -> io::Result<UnixStream> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    connect(&socket, &SocketAddrUnix::new(path)?)?;
    Ok(socket.into())
}

impl AsFd for Unix {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.readable.as_fd()
    }
}

impl AsyncRead for Unix {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, space: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let count = ready!(Self::poll_read(&self, context, space.initialize_unfilled()))?;
        space.advance(count);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Unix {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Self::poll_write(&self, context, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Self::poll_write(&self, context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.shutdown())
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    fn pair() -> [Unix; 2] {
        let (one, other) = UnixStream::pair().expect("the host has sockets");
        [one, other].map(|socket| {
            socket.set_nonblocking(true).expect("a socket takes the option");
            Unix::new(socket).expect("the poller takes it")
        })
    }

    #[tokio::test]
    async fn a_write_waits_for_room_only_as_long_as_it_must() {
        let [mut writer, mut reader] = pair();
        let bytes = vec![7; 4 << 20];
        let written = async {
            writer.write_all(&bytes).await.unwrap();
            writer.shutdown().unwrap();
            writer
        };
        let mut all = Vec::new();
        let read = async {
            // It is full before anything is read.
            poll_fn(|context| reader.poll_read_ready(context)).await.unwrap();
            reader.read_to_end(&mut all).await.unwrap();
        };
        let (writer, ()) = tokio::join!(written, read);
        assert_eq!(all.len(), bytes.len());
        assert!(writer.writable.borrow().is_none());
    }

    #[tokio::test]
    async fn reads_wake_when_something_comes_and_end_with_the_peer() {
        let [writer, mut reader] = pair();
        assert_eq!(reader.try_read(&mut [0; 4]).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        let mut space = [0; 4];
        let (read, written) = tokio::join!(reader.read(&mut space), async { writer.write(&[IoSlice::new(b"ab")]) });
        assert_eq!((read.unwrap(), written.unwrap(), &space[..2]), (2, 2, &b"ab"[..]));
        drop(writer);
        assert_eq!(reader.read(&mut space).await.unwrap(), 0);
    }
}
