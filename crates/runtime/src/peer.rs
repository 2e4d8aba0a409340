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
    pidfd: OwnedFd,
    id: Id,
}

/// Who a process is, as the kernel tells of its pidfd.
#[derive(Debug, PartialEq, Eq)]
struct Id {
    pid: i32,
    /// The id of its cgroup2 group; `None` before Linux 6.13.
    cgroup: Option<u64>,
}

impl Peer {
    /// `None` once it has ended and been waited for. Before Linux 6.5 its process id is all that is known of it, and the
    /// descriptor is made of that.
    pub(crate) fn of(socket: BorrowedFd<'_>) -> Option<Self> {
        let pidfd = match pidfd_of_peer(socket) {
            Err(error) if error.raw_os_error() == Some(libc::ENOPROTOOPT) => {
                pidfd_open(sockopt::socket_peercred(socket).ok()?.pid, PidfdFlags::empty()).ok()?
            }
            pidfd => pidfd.ok()?,
        };
        let id = ask(&pidfd).ok().or_else(|| read(&pidfd))?;
        Some(Self { pidfd, id })
    }

    /// The id of its cgroup2 group, where the kernel tells.
    pub(crate) fn cgroup(&self) -> Option<u64> {
        self.id.cgroup
    }

    /// Whether it is one of these processes. The id of one that has ended may be another's by now.
    pub(crate) fn is_among(&self, pids: &[i32]) -> bool {
        pids.contains(&self.id.pid) && read(&self.pidfd).is_some_and(|id| id.pid == self.id.pid)
    }
}

/// As `/proc` tells: -1 for a process that is gone (proc_pid_fdinfo(5)).
fn read(pidfd: &OwnedFd) -> Option<Id> {
    let text = fs::read_to_string(format!("/proc/self/fdinfo/{}", pidfd.as_raw_fd())).ok()?;
    let pid = text.lines().find_map(|line| line.strip_prefix("Pid:"))?.trim().parse().ok()?;
    (pid > 0).then_some(Id { pid, cgroup: None })
}

/// As `PIDFD_GET_INFO` tells, since Linux 6.13 (`include/uapi/linux/pidfd.h`).
#[allow(unsafe_code)]
fn ask(pidfd: &OwnedFd) -> io::Result<Id> {
    // SAFETY: the structure is plain numbers, for which zero is a value.
    let mut info: libc::pidfd_info = unsafe { std::mem::zeroed() };
    info.mask = libc::PIDFD_INFO_CGROUPID.into();
    // SAFETY: the request names the structure's size, and the pointer is to one that outlives the call.
    let result = unsafe { libc::ioctl(pidfd.as_raw_fd(), libc::PIDFD_GET_INFO, &raw mut info) };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    let has_cgroup = info.mask & u64::from(libc::PIDFD_INFO_CGROUPID) != 0;
    let pid = i32::try_from(info.tgid).map_err(io::Error::other)?;
    Ok(Id { pid, cgroup: has_cgroup.then_some(info.cgroupid) })
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

    use rustix::process::getpid;

    use super::*;

    #[test]
    fn this_process_connected() {
        let (one, _other) = UnixStream::pair().unwrap();
        let peer = Peer::of(one.as_fd()).unwrap();
        let own = getpid().as_raw_pid();
        assert_eq!((peer.is_among(&[1, own]), peer.is_among(&[1])), (true, false));
    }

    #[test]
    fn both_ways_to_ask_agree() {
        let pidfd = pidfd_open(getpid(), PidfdFlags::empty()).unwrap();
        let own = getpid().as_raw_pid();
        assert_eq!(read(&pidfd), Some(Id { pid: own, cgroup: None }));
        match ask(&pidfd) {
            Ok(id) => assert_eq!(id.pid, own),
            Err(error) => assert_eq!(error.raw_os_error(), Some(libc::ENOTTY), "before Linux 6.13"),
        }
    }

    #[test]
    fn who_was_waited_for_is_nobody() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let pid = rustix::process::Pid::from_child(&child);
        let pidfd = pidfd_open(pid, PidfdFlags::empty()).unwrap();
        child.wait().unwrap();
        assert_eq!((ask(&pidfd).ok(), read(&pidfd)), (None, None));
    }
}
