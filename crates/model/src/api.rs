//! The control API: HTTP and JSON under `/v1`, on the Unix socket `.isles/api.sock`.
//!
//! An error is a [`crate::Problem`] with status 4xx or 5xx.

use serde::{Deserialize, Serialize};

use crate::{
    InstanceId, ServiceName, Timestamp,
    figures::ConnectionFigures,
    status::{Failure, ServiceStatus},
};

/// One endpoint of the API; the documentation is made from the list.
pub struct Endpoint {
    /// The HTTP method.
    pub method: &'static str,
    /// The path; `{service}` is a service's name.
    pub path: &'static str,
    /// What it does.
    pub what: &'static str,
    /// The query parameters.
    pub query: Option<&'static str>,
    /// The type of the request's body.
    pub request: Option<&'static str>,
    /// The type of the answer's body; `NDJSON of X` is a stream, an object a line.
    pub answer: &'static str,
}

/// Every endpoint.
pub const ENDPOINTS: &[Endpoint] = &[
    Endpoint {
        method: "GET",
        path: "/v1/system",
        what: "The state of the system and all its services.",
        query: None,
        request: None,
        answer: "SystemStatus",
    },
    Endpoint {
        method: "GET",
        path: "/v1/system/watch",
        what: "The state now and after every change, at most ten times a second.",
        query: None,
        request: None,
        answer: "NDJSON of SystemStatus",
    },
    Endpoint {
        method: "POST",
        path: "/v1/system/down",
        what: "Stops every service, callers first, and then Isles. Answers as soon as stopping has begun.",
        query: None,
        request: None,
        answer: "Accepted",
    },
    Endpoint {
        method: "GET",
        path: "/v1/services/{service}",
        what: "The state of one service.",
        query: None,
        request: None,
        answer: "ServiceStatus",
    },
    Endpoint {
        method: "GET",
        path: "/v1/services/{service}/why",
        what: "Why a service is as it is: its state, its instances' last words, what its connections tell and the last \
               failed requests.",
        query: None,
        request: None,
        answer: "Why",
    },
    Endpoint {
        method: "POST",
        path: "/v1/services/{service}/restart",
        what: "Replaces every instance by a new one, one at a time, each new one healthy before its predecessor is \
               drained. Answers when it is done.",
        query: None,
        request: None,
        answer: "ServiceStatus",
    },
    Endpoint {
        method: "POST",
        path: "/v1/services/{service}/scale",
        what: "Sets the number of instances. Answers when it is reached.",
        query: None,
        request: Some("Scale"),
        answer: "ServiceStatus",
    },
    Endpoint {
        method: "ANY",
        path: "/v1/services/{service}/call/{path}",
        what: "Sends the request to the service through the mesh, as the operator, and gives back its answer.",
        query: None,
        request: None,
        answer: "the service's answer",
    },
    Endpoint {
        method: "GET",
        path: "/v1/connections",
        what: "The figures of every connection, in the order of their names.",
        query: Some("ConnectionQuery"),
        request: None,
        answer: "list of ConnectionFigures",
    },
    Endpoint {
        method: "GET",
        path: "/v1/logs",
        what: "Log lines, merged by time.",
        query: Some("LogQuery"),
        request: None,
        answer: "NDJSON of LogLine",
    },
    Endpoint {
        method: "GET",
        path: "/metrics",
        what: "The figures of connections and instances for Prometheus. The values of labels come from the manifest, never \
               from a request, so the number of series is bounded.",
        query: None,
        request: None,
        answer: "text in the Prometheus exposition format 0.0.4",
    },
];

/// The answer of a request whose work goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Accepted {}

/// The body of `scale`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Scale {
    /// The number of instances, 0 to 1,000.
    pub replicas: u32,
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
    /// The instance that wrote it; none for a build.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<InstanceId>,
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
    /// The last requests to it that Isles answered with an error of its own, newest first.
    pub failures: Vec<Failure>,
}

/// What the figures of a connection tell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Finding {
    /// The connection, as `orders -> users`.
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
