//! Probes: one health check of one instance.

use std::{fmt, time::Duration};

use async_trait::async_trait;
use model::spec::Protocol;

use crate::traffic::Target;

/// What to check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// Where the instance listens.
    pub target: Target,
    /// What it speaks.
    pub protocol: Protocol,
    /// The path to `GET`; without one, accepting a connection is enough.
    pub path: Option<String>,
    /// The time that it may take.
    pub timeout: Duration,
}

impl fmt::Display for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.target, &self.path) {
            (target, None) => write!(f, "connect to {target}"),
            (Target::Tcp(address), Some(path)) => write!(f, "GET http://{address}{path}"),
            (Target::Unix(socket), Some(path)) => write!(f, "GET {path} at {}", socket.display()),
        }
    }
}

/// Why an instance is not healthy, in words that continue "the health check".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProbeFailure {
    /// Nothing listens.
    #[error("was refused: nothing listens on {0}")]
    Refused(String),
    /// No answer in time.
    #[error("had no answer within {}", model::format_duration(*.0))]
    Timeout(Duration),
    /// Another status than 2xx or 3xx.
    #[error("was answered with status {}", .0.status)]
    Status(Answered),
    /// The connection broke, or the answer is not HTTP.
    #[error("failed: {0}")]
    Broken(String),
}

/// The beginning of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// Its status.
    pub status: u16,
    /// Its first line, such as `HTTP/1.1 503 Service Unavailable`.
    pub line: String,
    /// The first bytes of its body, [`Self::BODY_BYTES_MAX`] at the most.
    pub body: Vec<u8>,
}

impl Answered {
    /// So much is kept of a body.
    pub const BODY_BYTES_MAX: usize = 256;

    /// Whether the body may go on.
    pub fn is_cut(&self) -> bool {
        self.body.len() >= Self::BODY_BYTES_MAX
    }
}

/// Checks instances.
#[async_trait]
pub trait Probes: Send + Sync + 'static {
    /// Checks once. A new connection each time, closed afterwards.
    async fn probe(&self, probe: Probe) -> Result<(), ProbeFailure>;
}
