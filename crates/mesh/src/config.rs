//! What a mesh is started with.

use std::{num::NonZero, os::fd::OwnedFd};

/// What a mesh is started with.
#[derive(Debug)]
pub struct MeshConfig {
    /// How many threads carry requests; at least one.
    pub workers: usize,
    /// The gateway's listening TCP socket. It may also be given later.
    pub gateway: Option<OwnedFd>,
    /// The listening TCP sockets of connection addresses.
    pub connections: Vec<OwnedFd>,
}

impl Default for MeshConfig {
    /// One worker a core, no socket.
    fn default() -> Self {
        let workers = std::thread::available_parallelism().map_or(1, NonZero::get);
        Self { workers, gateway: None, connections: Vec::new() }
    }
}
