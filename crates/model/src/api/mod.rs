//! The control API: HTTP and JSON under `/v1`, on the Unix socket `.isles/api.sock`.
//!
//! An error is a [`crate::Problem`] with status 4xx or 5xx.

mod buckets;
mod content;
mod endpoints;
mod releases;
mod start;
mod topics;

pub use buckets::{BucketEntry, BucketQuery, BucketRevision, BucketStatus, KeyOperation, PutValue};
pub use content::{Content, InvalidContent};
pub use endpoints::{ENDPOINTS, Endpoint};
pub use releases::{
    AbortQuery, Change, Conflict, Deploy, DeployPlan, PlannedService, Release, ReleaseDiff, ReleaseState, Rollback,
    RolloutPhase, RolloutQuery, RolloutService, RolloutSide, RolloutStatus,
};
pub use start::{ParseStartError, Start};
pub use topics::{
    ConsumerStatus, DeadLetter, DeadLetterId, DeadQuery, Message, MessageQuery, ParseDeadLetterIdError, Publish,
    Published, RemovedConsumer, RemovedMessage, Replay, Replayed, TopicStatus, WhichDead,
};

use serde::{Deserialize, Serialize};

use crate::{
    InstanceId, ServiceName, Timestamp,
    figures::ConnectionFigures,
    status::{Failure, ServiceStatus},
};

/// The answer of a request whose work goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Accepted {}

/// The body of `scale`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Scale {
    /// The number of instances, 0 to 1,000. A service whose number follows the load stays at this one; without it, it follows the load
    /// again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicas: Option<u32>,
}

/// Which connections are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ConnectionQuery {
    /// Only those of this service, whether it calls or is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
}

/// Which log lines are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct LogQuery {
    /// The services, separated by commas; all of them if empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub services: String,
    /// Only lines from this moment on, in microseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<u64>,
    /// Only the last lines: at most so many before following begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tail: Option<u32>,
    /// Whether to go on with new lines as they are written.
    #[serde(default)]
    pub follow: bool,
}

/// One line of a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LogLine {
    /// When it was read from the program.
    pub at: Timestamp,
    /// The service.
    pub service: ServiceName,
    /// The instance that wrote it; none for a build or a migration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<InstanceId>,
    /// Whether a migration wrote it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub migration: bool,
    /// The text, without the line end; bytes that are not UTF-8 are replaced.
    pub text: String,
}

/// Why a service is as it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Why {
    /// Its state.
    pub service: ServiceStatus,
    /// The answer in one sentence.
    pub summary: String,
    /// What its connections tell, the most important first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
    /// The figures of the connections by which it is called or calls, in the order of their names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub connections: Vec<ConnectionFigures>,
    /// What happened to it, oldest first.
    pub events: Vec<ServiceEvent>,
    /// The last requests to it that failed, newest first: at most 64. Of those refused before they went anywhere, and of those that it
    /// answered with a failure, one a second for each reason or status.
    pub failures: Vec<Failure>,
}

/// What the figures of connections tell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Finding {
    /// The connection, as `orders -> users`; of what is so for all of them, the service that is called.
    pub connection: String,
    /// Whether it is so at this moment; else it was counted since the platform process started.
    pub now: bool,
    /// What is the matter, in one line.
    pub what: String,
    /// What a person can do.
    pub hint: String,
}

/// Something that happened to a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ServiceEvent {
    /// When.
    pub at: Timestamp,
    /// The instance it happened to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<InstanceId>,
    /// What happened.
    pub what: String,
}
