//! What the mesh counts of each connection.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{InstanceId, Reason, ServiceName, api::RolloutPhase};

/// The figures of one connection since the platform process started.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ConnectionFigures {
    /// Who calls whom: `orders -> users`, `gateway -> users`, `gateway /files -> users` for a route with a policy of its own.
    pub connection: String,
    /// Who calls: a service, `gateway` or `operator`.
    pub caller: String,
    /// The service that is called.
    pub callee: ServiceName,
    /// Requests that ended; connections of TCP.
    pub requests: u64,
    /// How they ended.
    pub outcomes: Outcomes,
    /// Those that Isles answered itself, or broke off, by reason.
    pub reasons: BTreeMap<Reason, u64>,
    /// Bytes from callers, heads and framing included.
    pub bytes_received: u64,
    /// Bytes to callers, heads and framing included.
    pub bytes_sent: u64,
    /// Further tries.
    pub retries: u64,
    /// Requests that were sent to a second instance because the first one took long.
    pub hedges: u64,
    /// Requests in flight, to the end of their response.
    pub in_flight: u32,
    /// Requests that the callee has yet to answer, of all its connections: what `concurrency_limit` limits.
    #[serde(default)]
    pub concurrency: u32,
    /// How many that may be, as far as the callee's latency tells; absent where nothing limits it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency_limit: Option<u32>,
    /// Requests that wait for an instance.
    pub queued: u32,
    /// Where the breaker stands.
    pub breaker: BreakerState,
    /// Instances that get no requests for now because they failed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ejected: Vec<InstanceId>,
    /// From a request's head to the end of its response.
    pub latency: Latency,
    /// Requests by worker, to see how they spread.
    pub requests_by_worker: Vec<u64>,
}

impl ConnectionFigures {
    /// Whether the service calls or is called.
    pub fn is_of(&self, service: &ServiceName) -> bool {
        self.callee == *service || self.caller == service.as_str()
    }

    /// The route of the gateway that the connection belongs to, for one with a policy of its own: `/files`.
    pub fn route(&self) -> Option<&str> {
        let (caller, _) = self.connection.rsplit_once(" -> ")?;
        caller.strip_prefix(&self.caller)?.strip_prefix(' ')
    }
}

/// What was refused before it was known which connection a request belongs to, since the platform process started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct EntryFigures {
    /// Where it came in: `gateway`, or `undeclared` for an address that belongs to no connection.
    pub entry: String,
    /// Requests and connections that were refused, by reason.
    pub refused: BTreeMap<Reason, u64>,
}

/// How requests ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Outcomes {
    /// Status 1xx to 3xx.
    pub success: u64,
    /// Status 4xx of the callee.
    pub client_error: u64,
    /// Status 5xx of the callee.
    pub server_error: u64,
    /// Answered by Isles, or broken off after the response began.
    pub failed: u64,
    /// The caller went away first.
    pub cancelled: u64,
    /// Strangers at an address that belongs to another instance (`not-attested`): neither side of the connection is at fault.
    #[serde(default)]
    pub refused: u64,
}

/// Where a breaker stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum BreakerState {
    /// Requests pass.
    #[default]
    Closed,
    /// Requests are refused.
    Open,
    /// One request tries whether the callee works again.
    Probing,
}

/// Latencies in microseconds; quantiles are at most 1/32 too high.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Latency {
    /// How many were measured.
    pub count: u64,
    /// Their sum.
    pub sum_micros: u64,
    /// The median.
    pub p50_micros: u64,
    /// Nine of ten are not longer.
    pub p90_micros: u64,
    /// Ninety-nine of a hundred are not longer.
    pub p99_micros: u64,
    /// The longest.
    pub max_micros: u64,
    /// Those at most so long, cumulated: (microseconds, count), for a histogram of Prometheus.
    pub buckets: Vec<(u64, u64)>,
}

/// The connections to a gateway that speaks TLS, since the platform process started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TlsFigures {
    /// Handshakes that succeeded.
    pub handshakes: u64,
    /// Those of them that took up an earlier session.
    pub resumed: u64,
    /// Handshakes that failed, or were not done in time.
    pub failed: u64,
    /// Connections that spoke in the clear, and were told so.
    pub in_the_clear: u64,
}

/// What the system did since the platform process started, and where its releases stand.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SystemFigures {
    /// The release that runs, once there is one; while a rollout lasts, the one that it began from.
    pub release: Option<u64>,
    /// Where the rollout under way stands, and whether a person must say that it goes on.
    pub rollout: Option<(RolloutPhase, bool)>,
    /// The rollouts that ended.
    pub rollouts: RolloutOutcomes,
    /// The cold starts of each service that may sleep.
    pub cold_starts: BTreeMap<ServiceName, Durations>,
}

/// How many rollouts ended so.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RolloutOutcomes {
    /// The new release serves alone.
    pub promoted: u64,
    /// Isles took it back.
    pub rolled_back: u64,
    /// A person took it back.
    pub aborted: u64,
    /// Another deploy took its place.
    pub superseded: u64,
}

/// How long something took, for a histogram of Prometheus.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Durations {
    /// How often it ended.
    pub count: u64,
    /// How long all of that took, in microseconds.
    pub sum_micros: u64,
    /// Those at most so long, cumulated: (microseconds, count).
    pub buckets: Vec<(u64, u64)>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_and_services() {
        for (connection, caller, route) in [
            ("orders -> users", "orders", None),
            ("gateway -> users", "gateway", None),
            ("gateway /files -> users", "gateway", Some("/files")),
            ("gateway example.org/a -> b -> users", "gateway", Some("example.org/a -> b")),
        ] {
            let figures = serde_json::json!({
                "connection": connection, "caller": caller, "callee": "users", "requests": 0, "reasons": {},
                "outcomes": { "success": 0, "client_error": 0, "server_error": 0, "failed": 0, "cancelled": 0 },
                "bytes_received": 0, "bytes_sent": 0, "retries": 0, "hedges": 0, "in_flight": 0, "queued": 0,
                "breaker": "closed", "requests_by_worker": [],
                "latency": {
                    "count": 0, "sum_micros": 0, "p50_micros": 0, "p90_micros": 0, "p99_micros": 0, "max_micros": 0,
                    "buckets": [],
                },
            });
            let figures: ConnectionFigures = serde_json::from_value(figures).unwrap();
            assert_eq!(figures.route(), route, "{connection}");
            let is_of = |name: &str| figures.is_of(&name.parse().unwrap());
            assert!(is_of("users") && is_of(caller) && !is_of("stock"), "{connection}");
        }
    }
}
