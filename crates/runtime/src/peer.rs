//! The process at the other end of a Unix stream socket.

use std::{
    fs, io,
    os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd},
};

use rustix::{
    net::sockopt,
    process::{PidfdFlags, pidfd_open},
};

/// A process that connected.
pub(crate) struct Peer {
    pub(crate) pid: i32,
    pidfd: OwnedFd,
}

impl Peer {
    /// `None` once it has ended. Before Linux 6.5 its id is all that is known, and a descriptor is made of that.
    pub(crate) fn of(socket: BorrowedFd<'_>) -> Option<Self> {
        let pidfd = match pidfd_of_peer(socket) {
            Err(error) if error.raw_os_error() == Some(libc::ENOPROTOOPT) => {
                pidfd_open(sockopt::socket_peercred(socket).ok()?.pid, PidfdFlags::empty()).ok()?
            }
            pidfd => pidfd.ok()?,
        };
        Some(Self { pid: pid_of(&pidfd)?, pidfd })
    }

    /// Whether it still runs, or has not been waited for: until then its id is its own.
    pub(crate) fn lives(&self) -> bool {
        pid_of(&self.pidfd) == Some(self.pid)
    }
}

/// As `/proc` tells: -1 for a process that is gone (proc_pid_fdinfo(5)).
fn pid_of(pidfd: &OwnedFd) -> Option<i32> {
    let text = fs::read_to_string(format!("/proc/self/fdinfo/{}", pidfd.as_raw_fd())).ok()?;
    let pid = text.lines().find_map(|line| line.strip_prefix("Pid:"))?.trim().parse().ok()?;
    (pid > 0).then_some(pid)
}

#[allow(unsafe_code)]
fn pidfd_of_peer(socket: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let mut pidfd: libc::c_int = -1;
    let mut length = libc::socklen_t::try_from(size_of::<libc::c_int>()).map_err(io::Error::other)?;
    // SAFETY: the pointers are to an integer and its length, which outlive the call.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERPIDFD,
            (&raw mut pidfd).cast(),
            &raw mut length,
        )
    };
    if result != 0 || pidfd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just made the descriptor for us.
    Ok(unsafe { OwnedFd::from_raw_fd(pidfd) })
}

#[cfg(test)]
mod tests {
    use std::os::{fd::AsFd, unix::net::UnixStream};

    use super::*;

    #[test]
    fn this_process_connected() {
        let (one, _other) = UnixStream::pair().unwrap();
        let peer = Peer::of(one.as_fd()).unwrap();
        assert_eq!((peer.pid.unsigned_abs(), peer.lives()), (std::process::id(), true));
    }
}
