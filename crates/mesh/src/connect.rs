//! Connections of TCP that are made.

use std::{
    io,
    net::SocketAddr,
    os::fd::{AsFd, OwnedFd},
};

use rustix::{
    io::Errno,
    net::{AddressFamily, SocketFlags, SocketType, connect, socket_with, sockopt},
};
use tokio::net::TcpStream;

/// On the loopback the handshake is over when `connect` returns, so there is nothing to wait for.
pub(crate) async fn connect_tcp(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::from_std(begin_tcp(address)?.into())?;
    if stream.peer_addr().is_err() {
        stream.writable().await?;
        stream.take_error()?.map_or(Ok(()), Err)?;
    }
    Ok(stream)
}

/// Between two programs of one host no network is to be spared, and what the host prefers for others, such as pacing, only costs
/// time. Sockets that are accepted have it from the one that listens. A host that refuses it loses nothing.
pub(crate) fn stay_on_host(socket: impl AsFd) {
    let _ = sockopt::set_tcp_congestion(socket, "reno");
}

/// A socket whose connection is there or on its way.
pub(crate) fn begin_tcp(address: SocketAddr) -> io::Result<OwnedFd> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = socket_with(family, SocketType::STREAM, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC, None)?;
    if address.ip().is_loopback() {
        stay_on_host(&socket);
    }
    match connect(&socket, &address) {
        Ok(()) | Err(Errno::INPROGRESS) => Ok(socket),
        Err(error) => Err(error.into()),
    }
}
