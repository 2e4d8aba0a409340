//! What is stored of a rollout.

use std::collections::{BTreeMap, BTreeSet};

use logic::rollout::{Instance, Snapshot};
use model::{ServiceName, Timestamp, status::Trouble};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Rollout;

/// What is stored of a rollout.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct RolloutRecord {
    pub(super) number: u64,
    /// The releases' numbers.
    pub(in super::super) from: u64,
    pub(in super::super) to: u64,
    pub(super) began_at: Timestamp,
    pub(super) snapshot: Snapshot,
    #[serde(serialize_with = "as_pairs", deserialize_with = "from_pairs")]
    pub(super) places: BTreeMap<Instance, u32>,
    pub(super) seq: u64,
    pub(super) migrated: BTreeSet<ServiceName>,
    pub(super) problem: Option<Trouble>,
}

impl RolloutRecord {
    /// Whether it says what another one says, but for the time.
    pub(super) fn says(&self, other: &Self) -> bool {
        !self.snapshot.differs(&other.snapshot)
            && (&self.places, self.seq, &self.migrated, &self.problem)
                == (&other.places, other.seq, &other.migrated, &other.problem)
    }
}

impl Rollout {
    pub(super) fn record(&self) -> RolloutRecord {
        RolloutRecord {
            number: self.number,
            from: self.from.number,
            to: self.to.number,
            began_at: self.began_at,
            snapshot: self.machine.snapshot().clone(),
            places: self.places.clone(),
            seq: self.seq,
            migrated: self.migrated.clone(),
            problem: self.problem.clone(),
        }
    }
}

/// JSON has no keys but text.
fn as_pairs<S: Serializer>(places: &BTreeMap<Instance, u32>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(places)
}

fn from_pairs<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<Instance, u32>, D::Error> {
    Ok(Vec::<(Instance, u32)>::deserialize(deserializer)?.into_iter().collect())
}
