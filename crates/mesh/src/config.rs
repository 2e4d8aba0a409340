//! What a mesh is started with.

use std::{num::NonZero, os::fd::OwnedFd, path::PathBuf, sync::Arc};

use ports::{identity::Identities, keeper::Keeper, messages::Messages};

use crate::tls::TlsConfig;

/// What a mesh is started with.
pub struct MeshConfig {
    /// How many threads carry requests; at least one.
    pub workers: usize,
    /// The gateway's listening TCP socket. It may also be given later.
    pub gateway: Option<OwnedFd>,
    /// The listening TCP sockets of connection addresses.
    pub connections: Vec<OwnedFd>,
    /// Makes the Unix sockets of callers; without it there are none.
    pub keeper: Option<Arc<dyn Keeper>>,
    /// The names of the sockets that the keeper held when this process started.
    pub held: Vec<String>,
    /// The file of the access log; none if `None`.
    pub access_log: Option<PathBuf>,
    /// Tells whose a caller's socket is; without it callers are not attested.
    pub identities: Option<Arc<dyn Identities>>,
    /// Serves those that use the addresses of messages; without it they are closed.
    pub messages: Option<Arc<dyn Messages>>,
    /// The gateway's certificate; without one it speaks in the clear.
    pub tls: Option<TlsConfig>,
}

impl Default for MeshConfig {
    /// One worker a core, no socket, no attestation.
    fn default() -> Self {
        let workers = std::thread::available_parallelism().map_or(1, NonZero::get);
        Self {
            workers,
            gateway: None,
            connections: Vec::new(),
            keeper: None,
            held: Vec::new(),
            access_log: None,
            identities: None,
            messages: None,
            tls: None,
        }
    }
}
