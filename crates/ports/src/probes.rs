//! Probes: one health check of one instance.

use std::time::Duration;

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
    #[error("was answered with status {0}")]
    Status(u16),
    /// The connection broke, or the answer is not HTTP.
    #[error("failed: {0}")]
    Broken(String),
}

/// Checks instances.
#[async_trait]
pub trait Probes: Send + Sync + 'static {
    /// Checks once. A new connection each time, closed afterwards.
    async fn probe(&self, probe: Probe) -> Result<(), ProbeFailure>;
}
