//! Releases and rollouts in the API.

use serde::{Deserialize, Serialize};

use crate::{ServiceName, Timestamp, spec::Side, status::Trouble};

/// The body of `deploys`: what shall be deployed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Deploy {
    /// Only these services; all that changed if empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<ServiceName>,
    /// Only says what would happen.
    #[serde(default)]
    pub dry_run: bool,
    /// Refuses with 409 and `index-moved` if the index of the system is another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub if_match: Option<u64>,
    /// What happens if a rollout is under way.
    #[serde(default)]
    pub conflict: Conflict,
}

/// What a deploy does while a rollout is under way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Conflict {
    /// It waits for its end.
    #[default]
    Queue,
    /// It takes its place: what is under way goes back first.
    Supersede,
}

/// The body of `rollbacks`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Rollback {
    /// Only this service; the whole system if `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<ServiceName>,
    /// To this release; to the one before if `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<u64>,
}

/// What is aborted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct AbortQuery {
    /// Only the deploy or rollback that waits at this place of the queue, 1 is the next; 404 with `not-queued` if nothing does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queued: Option<u32>,
}

/// What a deploy would do, or does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DeployPlan {
    /// Grows with every release, rollout and scaling: for `if_match`.
    pub index: u64,
    /// The release that runs.
    pub from: u64,
    /// `rolling`, `blue-green` or `canary`; none if no instance is replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strategy: Option<String>,
    /// The services whose own `canary` or `blue-green` does not apply, because services that change have different strategies.
    #[serde(default, skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    pub overruled: std::collections::BTreeMap<ServiceName, String>,
    /// What happens to each service that something happens to.
    pub services: Vec<PlannedService>,
    /// What changes beside services, a sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<String>,
}

/// What happens to one service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PlannedService {
    /// Its name.
    pub service: ServiceName,
    /// What happens.
    pub change: Change,
    /// What differs: `artifact`, or `artifact/PATH` for the first five files between two releases, `run`, `env.NAME`, `secrets.NAME`,
    /// `calls.stock.timeout` …
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<String>,
    /// Its instances before.
    pub old: u32,
    /// Its instances afterwards.
    pub new: u32,
    /// How many of them exist at the most meanwhile.
    pub most: u32,
}

/// What happens to a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// It is new.
    Added,
    /// Its instances are replaced.
    Replaced,
    /// It gets a second set of the same instances, because it lies between others on a path of calls.
    Second,
    /// Something about it changes that needs no new instance.
    Adjusted,
    /// It goes.
    Removed,
}

/// A release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Release {
    /// Its number, from 1.
    pub number: u64,
    /// When it was made.
    pub at: Timestamp,
    /// How it fares.
    pub state: ReleaseState,
    /// The bundle of each service: the first 12 digits of its hash, or `in place` where nothing is stored.
    pub bundles: std::collections::BTreeMap<ServiceName, String>,
    /// The services that differ from the release that ran before; nothing if that is not kept any more, or one of the two cannot be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed: Option<Vec<ServiceName>>,
    /// Why it was taken back, if it was, or why it cannot be restored: then no bundles are told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// How a release fares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum ReleaseState {
    /// It is stored, and waits for its rollout.
    Stored,
    /// It is being rolled out.
    RollingOut,
    /// It runs.
    Running,
    /// It ran, and another one has taken its place.
    Retired,
    /// It was taken back.
    RolledBack,
}

/// What differs between two releases.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ReleaseDiff {
    /// The one.
    pub from: u64,
    /// The other.
    pub to: u64,
    /// The services that differ.
    pub services: Vec<PlannedService>,
    /// What differs beside services, a sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<String>,
}

/// Which rollout is watched.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RolloutQuery {
    /// Its number; without one, that which is under way, or the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<u64>,
}

/// A rollout: the one that is under way, or the last one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RolloutStatus {
    /// Its number, from 1.
    pub number: u64,
    /// The release that served before.
    pub from: u64,
    /// The one that shall serve.
    pub to: u64,
    /// `rolling`, `blue-green` or `canary`.
    pub strategy: String,
    /// The services whose own `canary` or `blue-green` does not apply, because services that change have different strategies.
    #[serde(default, skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    pub overruled: std::collections::BTreeMap<ServiceName, String>,
    /// Where it stands.
    pub phase: RolloutPhase,
    /// What it does or waits for, in one sentence.
    pub what: String,
    /// Whether a person must say that it goes on.
    pub paused: bool,
    /// The step, from 1, and how many there are, of a canary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<(u32, u32)>,
    /// The share of the new release in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight_percent: Option<f64>,
    /// When it began.
    pub began_at: Timestamp,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// When it goes back, or ends, if nothing goes on until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline_at: Option<Timestamp>,
    /// The services of the rollout.
    pub services: Vec<RolloutService>,
    /// Why it went back, with the last lines of the failing instance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<Trouble>,
    /// Where the new release can be looked at before it has any requests: an address a service.
    #[serde(default, skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    pub preview: std::collections::BTreeMap<ServiceName, std::net::SocketAddr>,
    /// Deploys that wait for its end.
    pub queued: u32,
}

/// Where a rollout stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum RolloutPhase {
    /// The migration runs, or the first routing state is spread.
    Preparing,
    /// New instances take over.
    Advancing,
    /// The new release has everything, the old set is warm.
    Keeping,
    /// The old set ends.
    Retiring,
    /// The old release comes back.
    Restoring,
    /// The new release serves alone.
    Promoted,
    /// The old release serves alone.
    RolledBack,
}

/// One service of a rollout.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RolloutService {
    /// Its name.
    pub service: ServiceName,
    /// Both sides, the old one first.
    pub sides: Vec<RolloutSide>,
}

/// One release of a service in a rollout.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RolloutSide {
    /// Which.
    pub side: Side,
    /// The instances asked for in the end.
    pub wanted: u32,
    /// Those that exist.
    pub instances: u32,
    /// Those that take requests.
    pub healthy: u32,
    /// Requests that ended since the rollout began.
    pub requests: u64,
    /// Those of them that failed.
    pub failures: u64,
    /// The 99th percentile of the others, in microseconds; `None` without any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p99_us: Option<u64>,
}
