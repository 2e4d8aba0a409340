//! What a system is doing: the states that `ps`, `status` and the API show.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::{InstanceId, Reason, ServiceName, SystemName, Timestamp, figures::EntryFigures, spec::Side};

/// The state of a system.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SystemStatus {
    /// Its name.
    pub name: SystemName,
    /// The version of Isles.
    pub version: String,
    /// Where it stands.
    pub phase: SystemPhase,
    /// The process id of the keeper.
    pub keeper_pid: u32,
    /// The process id of the platform.
    pub platform_pid: u32,
    /// When the platform process started.
    pub started_at: Timestamp,
    /// When the keeper started, which outlives platform processes; absent where the host cannot tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub up_since: Option<Timestamp>,
    /// The gateway's address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<SocketAddr>,
    /// Whether it speaks TLS.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub gateway_tls: bool,
    /// Why the system could not come up, if it could not; it is stopping then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<Trouble>,
    /// What the host cannot do, a sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notices: Vec<String>,
    /// What was refused before it was known for which service it is; empty where nothing was.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub entries: Vec<EntryFigures>,
    /// The services in the order of their names.
    pub services: Vec<ServiceStatus>,
}

/// Where a system stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum SystemPhase {
    /// Not every service has been healthy yet.
    Starting,
    /// Every service has been healthy, or the system ran before and goes on without one that fails.
    Running,
    /// `down` was asked for.
    Stopping,
}

/// The state of one service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ServiceStatus {
    /// Its name.
    pub name: ServiceName,
    /// Where it stands.
    pub phase: ServicePhase,
    /// The instances asked for: of one release, while a rollout has some of two.
    pub replicas: u32,
    /// Whether a person has fixed that number, although it would follow the load: `isles scale SERVICE --auto` ends it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fixed: bool,
    /// Whether a rollout of it is under way, which decides what becomes of it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub rolling_out: bool,
    /// The instances that take requests.
    pub healthy: u32,
    /// Why it is not what was asked for: one sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<Trouble>,
    /// Where the operator's calls enter (`isles call`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<SocketAddr>,
    /// Who can reach its instances.
    pub inbound: Inbound,
    /// The services that it may call.
    pub calls: Vec<ServiceName>,
    /// Its instances by slot and run.
    pub instances: Vec<InstanceStatus>,
}

/// Where a service stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum ServicePhase {
    /// Waits for the services named in `after`.
    Waiting,
    /// Its build runs.
    Building,
    /// Its build failed.
    BuildFailed,
    /// It has instances, but not all of them have been healthy.
    Starting,
    /// All its instances take requests.
    Healthy,
    /// Some of its instances take requests.
    Degraded,
    /// None of its instances takes requests, though some did.
    Unhealthy,
    /// Its instances exit again and again.
    CrashLoop,
    /// It has no instances until somebody calls it.
    Asleep,
    /// Its instances are being drained or stopped.
    Stopping,
    /// It has no instances and shall have none.
    Stopped,
}

/// Who can reach a service's instances.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Inbound {
    /// Any process on the host, past the mesh: they listen on a TCP port.
    Open,
    /// Only the mesh and the system's own user: they listen on a Unix socket.
    MeshOnly,
}

/// The state of one instance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct InstanceStatus {
    /// Its id.
    pub id: InstanceId,
    /// Where it stands.
    pub phase: InstancePhase,
    /// The process id of its leader, while it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// Where it listens: `127.0.0.1:20001` or a socket's path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// When its process started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// How often its slot's program has ended by itself since the system came up.
    pub crashes: u32,
    /// Requests in flight.
    pub in_flight: u32,
    /// Memory in bytes, where the host can tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// The release that it is of, once that is stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<u64>,
    /// Which of two releases that is, while a rollout of its service is under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub side: Option<Side>,
    /// Why it is not healthy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<Trouble>,
}

/// Where an instance stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum InstancePhase {
    /// Its process runs and has not been healthy yet.
    Starting,
    /// It takes requests.
    Healthy,
    /// Its process runs, but the health check fails.
    Unhealthy,
    /// It takes no new requests; those in flight are awaited.
    Draining,
    /// SIGTERM was sent.
    Stopping,
    /// Its process ended; it starts again after a pause.
    Backoff,
}

/// What is wrong, and what a person can do about it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Trouble {
    /// The cause in one line.
    pub cause: String,
    /// What to do.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub hint: String,
    /// The last lines of the log that show it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub log: Vec<String>,
    /// The last health checks that failed, oldest first, since one passed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<FailedCheck>,
}

impl Trouble {
    /// A cause with what to do, and nothing that shows it.
    pub fn new(cause: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { cause: cause.into(), hint: hint.into(), ..Self::default() }
    }
}

/// Health checks of an instance that failed alike, one after the other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FailedCheck {
    /// When the first of them ended, in milliseconds since the instance was started.
    pub first_ms: u64,
    /// When the last of them ended.
    pub last_ms: u64,
    /// How many they are.
    pub count: u32,
    /// What was asked: `GET http://127.0.0.1:20001/healthz`, or `connect to 127.0.0.1:20001`.
    pub asked: String,
    /// The status line of the answer and the beginning of its body, a line each; or why there is none.
    pub answer: Vec<String>,
}

/// A request that failed: Isles answered it with an error of its own, its answer broke off, or the service answered with what counts as a
/// failure of it, a 5xx but 501 and 505, or a status of gRPC that says so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Failure {
    /// When.
    pub at: Timestamp,
    /// The connection, as `orders/1 -> users`.
    pub connection: String,
    /// The service that was called.
    pub service: ServiceName,
    /// Method and path, without the query; at most 120 characters and an ellipsis.
    pub request: String,
    /// Why, unless it was the service that answered so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// What the service answered: absent where there is a reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// What happened this time.
    pub detail: String,
    /// The instances tried.
    pub instances: Vec<InstanceId>,
}

impl Failure {
    /// The reason code, or the status of the service's answer.
    pub fn cause(&self) -> String {
        let code = self.reason.map(|reason| reason.code().to_owned());
        code.or(self.status.map(|status| status.to_string())).unwrap_or_default()
    }
}
