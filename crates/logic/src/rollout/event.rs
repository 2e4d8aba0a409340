//! What can happen to a rollout.

use model::Timestamp;
use serde::{Deserialize, Serialize};

use super::Instance;

/// What can happen to a rollout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// How an instance is.
    Reported(Instance, Report),
    /// Every worker routes by the routing state of this epoch or a later one.
    Routed(u64),
    /// How the new release compares with the old in this step.
    Judged(usize, Verdict),
    /// The migration has ended, in words if it failed or was stopped.
    Migrated(Result<(), String>),
    /// A person's word.
    Told(Command),
    /// Another deploy takes its place.
    Superseded,
    /// A deadline may have passed.
    Due,
}

/// How an instance is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Grows with every change of the instance's state, across restarts of the platform too.
    pub seq: u64,
    /// Its state.
    pub state: State,
    /// Since when.
    pub since: Timestamp,
    /// When this was known to be so.
    pub at: Timestamp,
}

/// The state of an instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    /// It is on its way, and was not healthy yet.
    Starting,
    /// It is healthy.
    Healthy,
    /// It is not, in words; or it is of the old release or of a rollout that is one way, has ended, and is started again.
    Unhealthy(String),
    /// Its process tree has ended, drained before if that was asked for, and is not started again; why, in words.
    Ended(String),
}

/// How the new release compares with the old.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Verdict {
    /// It is better.
    Better,
    /// It is not worse by more than is tolerated.
    Same,
    /// It is worse.
    Worse,
    /// There were too few requests to tell.
    NotEnoughTraffic,
}

/// A person's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// Do not wait in steps any more.
    Promote,
    /// Go no further.
    Pause,
    /// Go on, from a pause or a step that waits for a person.
    Resume,
    /// Go back.
    Abort,
    /// Go back, because a rollback asks for the release before.
    Rollback,
}
