//! The policy of one connection.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::MessageLimits;

/// The policy of one connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Policy {
    /// What the callee speaks.
    pub protocol: Protocol,
    /// The time that a request may take until its answer's head, waiting and retries included; with bytes, the time until
    /// an instance is connected.
    pub timeout: Duration,
    /// The time that connecting to an instance may take.
    pub connect_timeout: Duration,
    /// The longest silence in the middle of a message.
    pub idle_timeout: Duration,
    /// How often a request that is safe to repeat is tried again, each time on another instance.
    pub retries: u32,
    /// How many retries the connection may do in all.
    pub retry_budget: RetryBudget,
    /// Whether an idempotent request that takes longer than most is sent to a second instance too.
    pub hedge: bool,
    /// How an instance is picked.
    pub balance: Balance,
    /// The time in which a new instance gets its full share; at once if `None`.
    pub slow_start: Option<Duration>,
    /// With a smaller share of instances that are not ejected, ejection is ignored; 0 for never.
    pub panic_percent: u32,
    /// Whether a request may ask to change to another protocol: WebSocket for one.
    pub upgrades: bool,
    /// How many requests may be in flight.
    pub in_flight_max: u32,
    /// How many requests may wait for an instance.
    pub queue: u32,
    /// How many requests may come in a time.
    pub rate: Option<Rate>,
    /// When the connection gives up on its callee for a while.
    pub breaker: Option<Breaker>,
    /// When an instance gets no requests for a while.
    pub outlier: Option<Outlier>,
    /// How large and how slow messages may be.
    pub limits: MessageLimits,
    /// Which requests the access log holds.
    pub access_log: AccessLog,
}

impl Policy {
    /// The defaults of a connection from outside.
    pub fn edge() -> Self {
        Self { limits: MessageLimits::edge(), ..Self::default() }
    }
}

impl Default for Policy {
    /// The defaults of a connection between services.
    fn default() -> Self {
        Self {
            protocol: Protocol::default(),
            timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(1),
            idle_timeout: Duration::from_secs(300),
            retries: 1,
            retry_budget: RetryBudget::default(),
            hedge: false,
            balance: Balance::default(),
            slow_start: None,
            panic_percent: 50,
            upgrades: true,
            in_flight_max: 1024,
            queue: 1024,
            rate: None,
            breaker: Some(Breaker::default()),
            outlier: Some(Outlier::default()),
            limits: MessageLimits::inside(),
            access_log: AccessLog::default(),
        }
    }
}

/// What a service speaks on its port.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// HTTP/1.1. Callers may speak HTTP/2 too.
    #[default]
    Http,
    /// HTTP/2 with prior knowledge, gRPC for one.
    Http2,
    /// Bytes.
    Tcp,
}

/// How many retries a connection may do in all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetryBudget {
    /// Retries for a hundred requests.
    pub percent: u32,
    /// Retries in a second, however few requests there are.
    pub per_second_min: u32,
}

/// Those of Finagle and Linkerd.
impl Default for RetryBudget {
    fn default() -> Self {
        Self { percent: 20, per_second_min: 10 }
    }
}

/// How an instance is picked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Balance {
    /// The better of two random instances by exponentially weighted peak latency and requests in flight.
    #[default]
    PeakEwma,
    /// The better of two random instances by requests in flight.
    LeastRequest,
    /// One after the other.
    RoundRobin,
    /// One after the other, by weight.
    Weighted {
        /// The weight of each instance that takes requests, that of the lowest slot of its release first; 1 for those that are
        /// not named.
        weights: Vec<u32>,
    },
    /// The same instance for the same key, as long as it is not overloaded.
    Hash {
        /// What the key is.
        key: HashKey,
        /// How many hundredths of the average load an instance may have before the next one is taken.
        load_percent_max: u32,
    },
}

/// What of a request decides where it goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HashKey {
    /// The value of a header field, by its name in lower case.
    Header(String),
    /// The value of a cookie.
    Cookie(String),
    /// The path without the query.
    Path,
}

/// How many requests may come in a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rate {
    /// Requests in every `per`; at least 1.
    pub requests: u32,
    /// The time; more than 0.
    pub per: Duration,
    /// Requests that may come at once; at least 1.
    pub burst: u32,
}

/// When a connection gives up on its callee for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Breaker {
    /// Failures one after the other.
    pub consecutive: u32,
    /// The share of requests that must succeed in the window.
    pub success_percent_min: u32,
    /// The requests in the window below which the share does not count.
    pub requests_min: u32,
    /// The window.
    pub window: Duration,
    /// How long it is open the first time; twice as long each further time.
    pub open_min: Duration,
    /// How long it is open at the most.
    pub open_max: Duration,
}

impl Default for Breaker {
    fn default() -> Self {
        Self {
            consecutive: 20,
            success_percent_min: 50,
            requests_min: 20,
            window: Duration::from_secs(10),
            open_min: Duration::from_secs(1),
            open_max: Duration::from_secs(60),
        }
    }
}

/// When an instance gets no requests for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outlier {
    /// Failures one after the other.
    pub consecutive: u32,
    /// How long, times how often it was ejected.
    pub ejection: Duration,
    /// How long at the most.
    pub ejection_max: Duration,
    /// The share of instances that may be ejected; one may always be, the last one never.
    pub percent_max: u32,
}

/// Those of Envoy, but for the share: its 10 % never ejects any of 2 to 9 instances.
impl Default for Outlier {
    fn default() -> Self {
        Self {
            consecutive: 5,
            ejection: Duration::from_secs(30),
            ejection_max: Duration::from_secs(300),
            percent_max: 50,
        }
    }
}

/// Which requests the access log holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AccessLog {
    /// None.
    Off,
    /// Those that failed: a status of 500 and above, or a reason.
    #[default]
    Errors,
    /// Those that failed, and so many of a thousand of the others.
    Sampled(u32),
}
