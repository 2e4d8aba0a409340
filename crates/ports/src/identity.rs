//! Identity: whose a socket on this host is. The runtime knows the processes, the mesh asks about its callers.

use std::os::fd::BorrowedFd;

use async_trait::async_trait;
use model::{InstanceId, Slot};

/// The caller's end of a TCP connection, as the host's kernel describes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerSocket {
    /// The id of the cgroup2 group of the process that made the socket; a socket that is passed on or inherited keeps it.
    /// `None` where the kernel does not tell.
    pub cgroup: Option<u64>,
    /// The socket's inode number; 0 once no process has it open.
    pub inode: u64,
}

/// Whose a socket is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owner {
    /// An instance, of the slot that was asked about or of another one.
    Instance(InstanceId),
    /// Nobody that is known.
    Unknown,
    /// Perhaps an instance of the slot that is being started: ask again once that is known.
    Unsettled,
}

/// Knows the instances' processes. An instance is known before its program runs, and until none of its processes is left.
#[async_trait]
pub trait Identities: Send + Sync + 'static {
    /// Whose the caller's end of a TCP connection is. Without a cgroup only the slot's own processes are looked through.
    fn of_socket(&self, slot: &Slot, socket: PeerSocket) -> Owner;
    /// Whose the process is that connected to a Unix stream socket, of which this is the accepted end. One that has ended
    /// is nobody's.
    fn of_process(&self, slot: &Slot, socket: BorrowedFd<'_>) -> Owner;
    /// Waits until no answer about the slot is [`Owner::Unsettled`].
    async fn settled(&self, slot: &Slot);
}
