//! What can happen to a service.

use model::{InstanceId, Timestamp};

use super::{Cause, Settings};

/// What can happen to a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Its instances may start: it is built, and what it waits for is healthy.
    Go,
    /// So many instances are asked for, beside those of a release that is being rolled out.
    Scale(u32),
    /// An instance is asked for in this slot.
    Want(u32, Wanted),
    /// No instance is asked for in this slot any more.
    Unwant(u32),
    /// These are the service's settings from now on, and all that is wanted is wanted always: the other release has
    /// become the service's.
    Settle(Settings),
    /// Every instance shall be replaced, one after the other.
    Restart,
    /// A restart under way shall not go on; what it has replaced stays replaced.
    EndRestart,
    /// All instances shall stop, for good.
    Stop,
    /// An instance of an earlier platform process runs still; since when it was healthy then.
    Adopted(InstanceId, Option<Timestamp>),
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

/// What is asked for in a slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// An instance of the service, that is started again when it ends.
    Own,
    /// One of another release, likewise.
    Other(Settings),
    /// One of another release; when it ends, the slot is given up.
    Once(Settings),
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
