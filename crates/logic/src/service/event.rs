//! What can happen to a service.

use model::InstanceId;

use super::Cause;

/// What can happen to a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Its instances may start: it is built, and what it waits for is healthy.
    Go,
    /// So many instances are asked for.
    Scale(u32),
    /// Every instance shall be replaced, one after the other.
    Restart,
    /// All instances shall stop, for good.
    Stop,
    /// An instance of an earlier platform process runs still; whether it was healthy then.
    Adopted(InstanceId, bool),
    /// The process of an instance runs.
    Started(InstanceId),
    /// The process of an instance could not be started.
    StartFailed(InstanceId, Cause),
    /// A health check ended.
    Probed(InstanceId, ProbeVerdict),
    /// The instance is out of the routing state and nothing is in flight to it.
    Drained(InstanceId),
    /// The process of an instance ended.
    Exited(InstanceId, Ending),
    /// A deadline may have passed.
    Due,
}

/// How a health check ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProbeVerdict {
    /// Healthy.
    Passed,
    /// Not healthy, in words that continue "the health check".
    Failed(String),
    /// Nothing listens: certain, so that no second check is needed.
    Refused(String),
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// By itself, with this code.
    Code(i32),
    /// By this signal.
    Signal(i32),
    /// Killed by the host, because it used more memory than its limit.
    OutOfMemory,
}
