//! Asks the kernel about one TCP socket: one message out, one in, both done when the call returns (sock_diag(7)).

use std::{
    cell::Cell,
    io,
    net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, TcpStream},
    os::fd::OwnedFd,
};

use rustix::{
    io::Errno,
    net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink, recv, send, socket_with},
};

use super::message::{ANSWER_BYTES_MAX, Answer, Found, parse, request};

/// A netlink socket of one worker.
pub(super) struct Diagnostics {
    socket: OwnedFd,
    number: Cell<u32>,
}

impl Diagnostics {
    pub(super) fn open() -> io::Result<Self> {
        let socket = socket_with(
            AddressFamily::NETLINK,
            SocketType::DGRAM,
            SocketFlags::CLOEXEC | SocketFlags::NONBLOCK,
            Some(netlink::SOCK_DIAG),
        )?;
        Ok(Self { socket, number: Cell::new(0) })
    }

    /// The socket with this address of its own and this peer; `None` if there is none that is connected.
    pub(super) fn find(&self, own: SocketAddrV4, peer: SocketAddrV4) -> io::Result<Option<Found>> {
        self.number.set(self.number.get().wrapping_add(1));
        let number = self.number.get();
        send(&self.socket, &request(number, own, peer), SendFlags::empty())?;
        let mut bytes = [0; ANSWER_BYTES_MAX];
        loop {
            let (_, length) = recv(&self.socket, &mut bytes[..], RecvFlags::empty())?;
            match parse(&bytes[..length.min(ANSWER_BYTES_MAX)], number, own, peer)? {
                Answer::Found(found) => return Ok(Some(found)),
                Answer::Missing => return Ok(None),
                Answer::Other => {}
            }
        }
    }
}

/// Whether the host tells of its sockets: asks about one of our own.
///
/// # Errors
/// Why it does not.
pub(super) fn check() -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let caller = TcpStream::connect(listener.local_addr()?)?;
    let (SocketAddr::V4(own), SocketAddr::V4(peer)) = (caller.local_addr()?, caller.peer_addr()?) else {
        return Err(Errno::AFNOSUPPORT.into());
    };
    let found = Diagnostics::open()?.find(own, peer)?;
    let expected = rustix::fs::fstat(&caller)?.st_ino;
    match found {
        Some(found) if found.inode == expected & u64::from(u32::MAX) => Ok(()),
        _ => Err(io::Error::other("the kernel does not find a socket of our own")),
    }
}
