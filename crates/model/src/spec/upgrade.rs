//! How a system goes from one release to the next.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

/// The weight of everything, in steps of 0.01 %.
pub const WEIGHT_MAX: u16 = 10_000;

/// One of the two releases of a rollout.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// The one that served before.
    #[default]
    Old,
    /// The one that shall serve.
    New,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if *self == Self::Old { "old" } else { "new" })
    }
}

/// How a service goes from one release to the next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upgrade {
    /// How the new release takes over.
    pub strategy: Strategy,
    /// What the service promises meanwhile.
    pub terms: Terms,
    /// The longest time without an instance that becomes ready or ends, or a step that is done.
    pub progress_deadline: Duration,
    /// What keeps a client on the release that it met first, in a canary.
    pub sticky: Sticky,
    /// What is tolerated of the new release, in a canary that is judged.
    pub tolerance: Tolerance,
}

impl Default for Upgrade {
    fn default() -> Self {
        Self {
            strategy: Strategy::Rolling,
            terms: Terms::default(),
            progress_deadline: Duration::from_secs(600),
            sticky: Sticky::None,
            tolerance: Tolerance::default(),
        }
    }
}

/// What a service promises during a rollout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// How many instances may exist beyond the larger set, in a rolling rollout.
    pub max_surge: u32,
    /// How many of the smaller set may be missing, in a rolling rollout.
    pub max_unavailable: u32,
    /// How long an instance must have been healthy before it counts.
    pub min_healthy_time: Duration,
    /// The time in which an instance must have come that far.
    pub healthy_deadline: Duration,
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            max_surge: 1,
            max_unavailable: 0,
            min_healthy_time: Duration::from_secs(1),
            healthy_deadline: Duration::from_secs(300),
        }
    }
}

/// How the new release takes over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Strategy {
    /// Instance by instance.
    Rolling,
    /// All at once, from one whole set to the other.
    BlueGreen {
        /// How long the new set is up before the switch, for a look at it.
        preview: Wait,
        /// How long the old set stays warm after it.
        keep: Duration,
    },
    /// By steps of weight.
    Canary {
        /// The steps before everything; their weights grow.
        steps: Vec<Step>,
        /// Whether the steps are judged, and what a step does whose verdict is that there was not enough traffic.
        judged: Option<Scarce>,
        /// How long the old set stays warm at the end.
        keep: Duration,
    },
}

/// One step of a canary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// The share of the requests that the new release gets, from 1 to [`WEIGHT_MAX`].
    pub weight: u16,
    /// What the step waits for.
    pub wait: Wait,
}

/// What a step waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Wait {
    /// So much time.
    For(Duration),
    /// A person.
    Person,
}

/// What a step does that has waited long enough without enough traffic for a verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Scarce {
    /// It waits on, up to `progress_deadline`, and is then taken back.
    Wait,
    /// It goes on.
    Promote,
    /// It is taken back.
    Abort,
}

/// What keeps a client on the release that it met first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Sticky {
    /// Nothing: each request is by chance.
    #[default]
    None,
    /// The value of this header; by chance where there is none.
    Header(String),
    /// The value of this cookie; by chance where there is none.
    Cookie(String),
}

/// What is tolerated of a new release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tolerance {
    /// By how much the share of failures may be higher, in steps of 0.01 %.
    pub failures: u16,
    /// The latency that is tolerated, in percent of the old release's; at least 100.
    pub latency_percent: u32,
    /// How many requests each release must have had before it is said to be no worse.
    pub requests_min: u64,
}

impl Default for Tolerance {
    fn default() -> Self {
        Self { failures: 20, latency_percent: 125, requests_min: 1_000 }
    }
}

/// What runs once per release, before its first instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Migration {
    /// The shell command, with the environment of an instance but for an address to listen on.
    pub command: String,
    /// Whether requests to the service are held meanwhile, within the bounds of each connection.
    pub hold: bool,
    /// The time that it may take.
    pub deadline: Duration,
}

/// How the number of instances follows the load.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scaling {
    /// The fewest instances; 0 lets the service sleep.
    pub min: u32,
    /// The most.
    pub max: u32,
    /// How many requests in flight one instance shall have.
    pub concurrency: Option<u32>,
    /// How much processor time one instance shall use, in thousandths of a core.
    pub cpu_millis: Option<u32>,
    /// The time over which the load is averaged, at least 1 s; without a request for as long, a service may sleep.
    pub window: Duration,
}
