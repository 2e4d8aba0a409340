//! What the machine asks for.

use model::{InstanceId, Slot};

use super::Cause;

/// What the machine asks for. Each is idempotent by the instance's id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Start the process; answered by `Started` or `StartFailed`.
    Start(InstanceId),
    /// Check its health; answered by `Probed`.
    Probe(InstanceId),
    /// Let it take requests.
    Enter(InstanceId),
    /// Take it out of the routing state; it goes on running and being checked.
    Leave(InstanceId),
    /// Take it out of the routing state and wait for what is in flight; answered by `Drained`.
    Drain(InstanceId),
    /// Send SIGTERM; the end is told by `Exited`.
    Terminate(InstanceId),
    /// Kill its whole process tree; the end is told by `Exited`.
    Kill(InstanceId),
    /// Its process has ended: give up what is kept of it.
    Remove(InstanceId),
    /// Nothing is left in the slot, and nothing shall be; why.
    Vacated(Slot, Cause),
    /// Something is wrong with it: keep the cause with the last lines of its log.
    Trouble(InstanceId, Cause),
    /// The restart that was asked for is over.
    RestartEnded(Result<(), Cause>),
    /// The service cannot come up: it has never been healthy, and trying again is hopeless.
    GaveUp(InstanceId, Cause),
    /// No instance is left, and none shall be.
    Stopped,
}
