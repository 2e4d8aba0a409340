//! What a rollout asks for.

use serde::{Deserialize, Serialize};

use super::{Instance, Outcome};

/// What a rollout asks for. Each is idempotent, and asked for again until it is answered.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// Route so; answered by `Routed`.
    Route(Routing),
    /// Run the release's migration, once; answered by `Migrated`.
    Migrate,
    /// Stop the migration, if it runs; answered by `Migrated`.
    StopMigration,
    /// The instance shall run, unless it has ended; one of the old release, or of a rollout that is
    /// one way, is started again. Answered by `Reported`.
    Run(Instance),
    /// Say how the instance is now, for it should have been healthy for long enough; answered by `Reported`.
    Confirm(Instance),
    /// The instance shall be drained and end; answered by `Reported`, with its end at last.
    Stop(Instance),
    /// Compare the releases since this step began; answered by `Judged`, and again whenever the verdict changes.
    Judge(usize),
    /// It is over.
    Finish(Outcome),
}

/// How requests are routed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Routing {
    /// Grows with every change, from 1.
    pub epoch: u64,
    /// Who gets them.
    pub traffic: Traffic,
    /// Whether they are held, until another routing releases them.
    pub hold: bool,
}

/// Which instances get the requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Traffic {
    /// Every healthy instance alike.
    Alike,
    /// The new release gets this share, in steps of 0.01 %.
    Share(u16),
}
