//! A snapshot in parts: a change of one service is stored without all the others.

use model::ServiceName;
use serde::{Deserialize, Serialize};

use super::{Plan, Snapshot, set::Pair};

/// A snapshot without its services. What was written before there were parts has them too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Head(Snapshot);

impl Head {
    /// Whether it says what another one says, but for the time of the last event.
    pub fn says(&self, other: &Self) -> bool {
        Self(Snapshot { seen_at: other.0.seen_at, ..self.0.clone() }) == *other
    }

    /// The snapshot of which this is the head and these are the services.
    pub fn with(self, pairs: impl IntoIterator<Item = Pair>) -> Snapshot {
        let mut whole = self.0;
        whole.pairs.extend(pairs);
        whole.plan.targets = whole.pairs.iter().map(|pair| pair.target.clone()).collect();
        whole
    }
}

impl Snapshot {
    /// All of it but its services.
    pub fn head(&self) -> Head {
        let Plan { strategy, migration, progress_deadline, one_way, .. } = &self.plan;
        let plan = Plan {
            targets: Vec::new(),
            strategy: strategy.clone(),
            migration: migration.clone(),
            progress_deadline: *progress_deadline,
            one_way: *one_way,
        };
        Head(Self {
            plan,
            pairs: Vec::new(),
            phase: self.phase.clone(),
            progressed_at: self.progressed_at,
            waits_since: self.waits_since,
            routing: self.routing,
            acknowledged: self.acknowledged,
            paused: self.paused,
            promoted: self.promoted,
            verdict: self.verdict,
            migration: self.migration,
            cause: self.cause.clone(),
            seen_at: self.seen_at,
        })
    }

    /// Its services.
    pub fn pairs(&self) -> &[Pair] {
        &self.pairs
    }
}

impl Pair {
    /// Its service.
    pub fn service(&self) -> &ServiceName {
        &self.target.service
    }
}
