//! One instance as the machine sees it.

use std::fmt;

use model::{InstanceId, Timestamp};

use super::Ending;

/// One instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// Its id.
    pub id: InstanceId,
    /// Where it stands.
    pub phase: Phase,
    /// Since when.
    pub since: Timestamp,
    /// When the phase must end.
    pub(super) deadline: Option<Timestamp>,
    /// When its health is checked next; `None` while a check runs or none is wanted.
    pub(super) probe_at: Option<Timestamp>,
    /// Failed checks in a row.
    pub(super) misses: u32,
    /// Whether it was ever healthy.
    pub(super) was_healthy: bool,
    /// What the last failed check said.
    pub(super) last_miss: Option<String>,
    /// Whether it was said that it starts slowly.
    pub(super) slow_said: bool,
}

/// Where an instance stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Its process is being started, or runs and has not been healthy yet.
    Starting,
    /// It takes requests.
    Healthy,
    /// It runs, but the health check fails: it takes no requests.
    Unhealthy,
    /// It takes no new requests; those in flight are awaited.
    Draining,
    /// SIGTERM was sent.
    Stopping,
}

impl Instance {
    pub(super) fn starting(id: InstanceId, now: Timestamp) -> Self {
        Self {
            id,
            phase: Phase::Starting,
            since: now,
            deadline: None,
            probe_at: None,
            misses: 0,
            was_healthy: false,
            last_miss: None,
            slow_said: false,
        }
    }

    pub(super) fn enter(&mut self, phase: Phase, deadline: Option<Timestamp>, now: Timestamp) {
        (self.phase, self.since, self.deadline) = (phase, now, deadline);
    }

    /// What the last failed check said, if it failed last.
    pub fn last_miss(&self) -> Option<&str> {
        self.last_miss.as_deref()
    }

    /// Whether its end is wanted.
    pub(super) fn is_leaving(&self) -> bool {
        matches!(self.phase, Phase::Draining | Phase::Stopping)
    }
}

/// Why an instance is not healthy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// Its process ended by itself.
    Ended(Ending),
    /// Its process could not be started.
    NotStarted {
        /// The cause in one line.
        cause: String,
        /// What a person can do.
        hint: String,
        /// Whether trying again may help without it.
        retry: bool,
    },
    /// It was not healthy in time; what the last check said.
    NotHealthyInTime(String),
    /// It was healthy, and now the check fails: what it said.
    CheckFails(String),
    /// It was asked to stop meanwhile.
    Interrupted,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ended(Ending::Code(code)) => write!(f, "the program exited with code {code}"),
            Self::Ended(Ending::Signal(signal)) => write!(f, "the program was ended by signal {signal}"),
            Self::Ended(Ending::OutOfMemory) => f.write_str("the program used more memory than its limit"),
            Self::NotStarted { cause, .. } => f.write_str(cause),
            Self::NotHealthyInTime(last) => write!(f, "it was not healthy in time: the health check {last}"),
            Self::CheckFails(last) => write!(f, "the health check {last}"),
            Self::Interrupted => f.write_str("it was asked to stop"),
        }
    }
}
