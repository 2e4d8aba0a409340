//! Asks the kernel about one TCP socket: one message out, one in, both done when the call returns (sock_diag(7)).

use std::{cell::Cell, io, net::SocketAddrV4, os::fd::OwnedFd};

use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink, recv, send, socket_with};

use super::message::{ANSWER_BYTES_MAX, Answer, Found, parse, request};

/// A netlink socket of one worker.
pub(super) struct Netlink {
    socket: OwnedFd,
    number: Cell<u32>,
}

impl Netlink {
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
