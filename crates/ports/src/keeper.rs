//! The keeper as engines see it: it starts processes, sends signals and makes listening sockets.

use std::{os::fd::OwnedFd, path::PathBuf};

use async_trait::async_trait;
pub use keeper::{
    PLATFORM_FD, line, packet,
    protocol::{self, Exit, LimitedResource, ListenAddress, Refusal, Rlimit, SOCKET_PATH_BYTES_MAX, Spawn, Whom},
    stat,
};

/// Why the keeper did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum KeeperError {
    /// The keeper refused; the caller's or the host's fault, see the step.
    #[error("{}", .0.cause)]
    Refused(Refusal),
    /// The request is larger than a packet; nothing was sent.
    #[error("the environment is too large: {0} bytes, the most is {max}", max = keeper::protocol::PACKET_BYTES_MAX)]
    TooLarge(usize),
    /// The keeper is gone; the platform must end.
    #[error("the keeper is gone")]
    Gone,
}

/// A started process.
#[derive(Debug)]
pub struct Spawned {
    /// Its process id.
    pub pid: u32,
    /// The read end of its output.
    pub output: OwnedFd,
}

/// The requests of [`keeper::protocol`], one method each.
#[async_trait]
pub trait Keeper: Send + Sync + 'static {
    /// Says that the platform has taken over what the keeper holds, and answers.
    async fn ready(&self) -> Result<(), KeeperError>;
    /// Starts a process.
    async fn spawn(&self, spawn: Spawn) -> Result<Spawned, KeeperError>;
    /// Sends a signal; no error if the process has ended.
    async fn signal(&self, key: &str, signal: i32, whom: Whom) -> Result<(), KeeperError>;
    /// Drops what is kept of an ended process.
    async fn forget(&self, key: &str) -> Result<(), KeeperError>;
    /// Names the file for output while there is no platform process.
    async fn log(&self, key: &str, path: PathBuf) -> Result<(), KeeperError>;
    /// Makes or finds a listening socket.
    async fn bind(&self, name: &str, address: ListenAddress) -> Result<OwnedFd, KeeperError>;
    /// Closes a listening socket.
    async fn close(&self, name: &str) -> Result<(), KeeperError>;
    /// Ends the keeper, which ends everything.
    async fn stop(&self, code: u8) -> Result<(), KeeperError>;
}
