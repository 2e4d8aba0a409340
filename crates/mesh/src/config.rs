//! What a mesh is started with.

use std::{num::NonZero, os::fd::OwnedFd, sync::Arc, time::Duration};

use ports::identity::Identities;
use wire::http1::HeadLimits;

/// What a mesh is started with.
pub struct MeshConfig {
    /// How many threads carry requests; at least one.
    pub workers: usize,
    /// The gateway's listening TCP socket. It may also be given later.
    pub gateway: Option<OwnedFd>,
    /// The listening TCP sockets of connection addresses.
    pub connections: Vec<OwnedFd>,
    /// The limits.
    pub limits: Limits,
    /// Tells whose a caller's socket is; without it callers are not attested.
    pub identities: Option<Arc<dyn Identities>>,
}

impl Default for MeshConfig {
    /// One worker a core, no socket, the usual limits, no attestation.
    fn default() -> Self {
        let workers = std::thread::available_parallelism().map_or(1, NonZero::get);
        Self { workers, gateway: None, connections: Vec::new(), limits: Limits::default(), identities: None }
    }
}

/// How much, and how long, at the most.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Request heads at the gateway.
    pub head_edge: HeadLimits,
    /// All other heads.
    pub head_inside: HeadLimits,
    /// From the first byte of a request head to its last.
    pub head_timeout: Duration,
    /// Between two requests of a client.
    pub client_idle: Duration,
    /// Between two requests to an instance, on one connection. Shorter than what programs use, so that they seldom close first.
    pub upstream_idle: Duration,
    /// Idle connections to one instance, in each worker.
    pub upstream_idle_max: usize,
    /// Without a byte of a body, in either direction.
    pub body_idle: Duration,
    /// How long the rest of a request is read and thrown away, so that the client gets the answer to it.
    pub linger: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head_edge: HeadLimits { head_bytes_max: 32 * 1024, ..HeadLimits::default() },
            head_inside: HeadLimits::default(),
            head_timeout: Duration::from_secs(10),
            client_idle: Duration::from_secs(75),
            upstream_idle: Duration::from_secs(3),
            upstream_idle_max: 128,
            body_idle: Duration::from_secs(300),
            linger: Duration::from_secs(5),
        }
    }
}
