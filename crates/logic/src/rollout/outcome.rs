//! How a rollout ends.

use std::fmt;

use model::figures::RolloutOutcomes;
use serde::{Deserialize, Serialize};

use super::Instance;

/// How a rollout ends.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Outcome {
    /// The new release serves alone.
    Promoted,
    /// The old release serves alone.
    RolledBack {
        /// Why.
        cause: Cause,
        /// Whether the old release is healthy as a whole, and nothing is left of the new one.
        whole: bool,
    },
}

/// Why a rollout goes back.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Cause {
    /// An instance of the new release ended by itself; how, in words.
    Ended(Instance, String),
    /// An instance of the new release was not healthy in time, or not for long enough; what it last said.
    NotHealthyInTime(Instance, String),
    /// Nothing went on for `progress_deadline`.
    Standstill,
    /// The new release is worse than the old one, in this step.
    Worse(usize),
    /// There was not enough traffic to judge, in this step.
    NotEnoughTraffic(usize),
    /// The migration failed, in words.
    MigrationFailed(String),
    /// The migration took too long.
    MigrationTooLong,
    /// A person said so.
    Aborted,
    /// A person went back to the release before.
    RolledBack,
    /// Another deploy took its place.
    Superseded,
}

impl Outcome {
    /// Counts it. Only what Isles takes back says something against the release.
    pub fn count_in(&self, outcomes: &mut RolloutOutcomes) {
        let count = match self {
            Self::Promoted => &mut outcomes.promoted,
            Self::RolledBack { cause: Cause::Aborted | Cause::RolledBack, .. } => &mut outcomes.aborted,
            Self::RolledBack { cause: Cause::Superseded, .. } => &mut outcomes.superseded,
            Self::RolledBack { .. } => &mut outcomes.rolled_back,
        };
        *count += 1;
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ended(instance, why) => write!(f, "{instance} ended: {why}"),
            Self::NotHealthyInTime(instance, last) if last.is_empty() => {
                write!(f, "{instance} was not healthy in time")
            }
            Self::NotHealthyInTime(instance, last) => write!(f, "{instance} was not healthy in time: {last}"),
            Self::Standstill => f.write_str("nothing went on for longer than the progress deadline"),
            Self::Worse(step) => write!(f, "the new release does worse than the old one in step {}", step + 1),
            Self::NotEnoughTraffic(step) => write!(f, "there was not enough traffic to judge step {}", step + 1),
            Self::MigrationFailed(why) => write!(f, "the migration failed: {why}"),
            Self::MigrationTooLong => f.write_str("the migration took too long"),
            Self::Aborted => f.write_str("it was aborted"),
            Self::RolledBack => f.write_str("a rollback took it back"),
            Self::Superseded => f.write_str("another deploy took its place"),
        }
    }
}

#[cfg(test)]
mod tests {
    use model::spec::Side;

    use super::*;

    #[test]
    fn what_a_person_or_another_deploy_took_back_is_counted_apart() {
        let instance = Instance { service: "users".parse().unwrap(), side: Side::New, number: 1 };
        let back = |cause| Outcome::RolledBack { cause, whole: true };
        let mut outcomes = RolloutOutcomes::default();
        for outcome in [
            Outcome::Promoted,
            back(Cause::Aborted),
            back(Cause::RolledBack),
            back(Cause::Superseded),
            back(Cause::Ended(instance.clone(), String::new())),
            back(Cause::NotHealthyInTime(instance, String::new())),
            Outcome::RolledBack { cause: Cause::Standstill, whole: false },
            back(Cause::Worse(0)),
            back(Cause::NotEnoughTraffic(0)),
            back(Cause::MigrationFailed(String::new())),
            back(Cause::MigrationTooLong),
        ] {
            outcome.count_in(&mut outcomes);
        }
        assert_eq!(outcomes, RolloutOutcomes { promoted: 1, rolled_back: 7, aborted: 2, superseded: 1 });
    }
}
