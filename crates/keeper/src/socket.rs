//! Listening sockets.

use std::{
    fs, io,
    net::SocketAddr,
    os::fd::{AsRawFd, OwnedFd},
    path::Path,
};

use rustix::{
    fs::Mode,
    net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, connect, listen, socket_with, sockopt},
    process::umask,
};
use serde::{Deserialize, Serialize};

use crate::{
    child::refusal,
    fd::Fd,
    protocol::{ListenAddress, Refusal},
};

const BACKLOG: i32 = 4096;

/// A listening socket and where it was asked to listen.
#[derive(Serialize, Deserialize)]
pub(crate) struct Socket {
    pub(crate) fd: Fd,
    pub(crate) address: ListenAddress,
}

impl Socket {
    pub(crate) fn listen(address: ListenAddress) -> Result<Self, Refusal> {
        let fd = match &address {
            ListenAddress::Tcp { address, device } => tcp(*address, device.as_deref())?,
            ListenAddress::Unix { path } => unix(path).map_err(refusal("bind", path.display()))?,
        };
        Ok(Self { fd: fd.into(), address })
    }

    /// Whether it is a file in this folder.
    pub(crate) fn lies_in(&self, folder: &Path) -> bool {
        matches!(&self.address, ListenAddress::Unix { path } if path.starts_with(folder))
    }

    /// Removes the file of a Unix socket.
    pub(crate) fn unlink(&self) {
        if let ListenAddress::Unix { path } = &self.address {
            let _ = fs::remove_file(path);
        }
    }
}

fn tcp(address: SocketAddr, device: Option<&str>) -> Result<OwnedFd, Refusal> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let fd = stream(family).map_err(refusal("bind", address))?;
    if let Some(device) = device {
        bind_to_device(&fd, device).map_err(refusal("device", format!("{address} on the device `{device}`")))?;
    }
    let listen = || {
        sockopt::set_socket_reuseaddr(&fd, true)?;
        bind(&fd, &address)?;
        listen(&fd, BACKLOG)
    };
    listen().map_err(refusal("bind", address))?;
    Ok(fd)
}

/// A file that nobody answers behind is replaced.
fn unix(path: &Path) -> rustix::io::Result<OwnedFd> {
    let address = SocketAddrUnix::new(path)?;
    match connect(stream(AddressFamily::UNIX)?, &address) {
        Err(rustix::io::Errno::CONNREFUSED) => _ = fs::remove_file(path),
        Err(rustix::io::Errno::NOENT) => {}
        _ => return Err(rustix::io::Errno::ADDRINUSE),
    }
    let fd = stream(AddressFamily::UNIX)?;
    let mask = umask(Mode::from_raw_mode(0o177));
    let bound = bind(&fd, &address);
    umask(mask);
    bound?;
    listen(&fd, BACKLOG)?;
    Ok(fd)
}

fn stream(family: AddressFamily) -> rustix::io::Result<OwnedFd> {
    socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK, None)
}

#[allow(unsafe_code)]
fn bind_to_device(fd: &OwnedFd, device: &str) -> io::Result<()> {
    let length = libc::socklen_t::try_from(device.len()).map_err(io::Error::other)?;
    // SAFETY: the pointer and the length describe `device`, which outlives the call.
    let result = unsafe {
        libc::setsockopt(fd.as_raw_fd(), libc::SOL_SOCKET, libc::SO_BINDTODEVICE, device.as_ptr().cast(), length)
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
