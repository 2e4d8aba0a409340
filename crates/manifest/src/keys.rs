//! Every key of the manifest: those that are known, and those that are planned.

use crate::foreign;

/// The keys of one kind of table.
pub(crate) struct Keys {
    /// Where a person finds the table.
    home: &'static str,
    /// The keys that can be used, in groups, the most important first.
    pub known: &'static [&'static [&'static str]],
    /// The keys of parts that are not built yet, and which part that is.
    pub planned: &'static [(&'static str, &'static str)],
}

const ENGINES: &str = "external engines are not built yet";
const CACHES: &str = "caches of answers are not built yet";
const MIRRORS: &str = "mirrors are not built yet";

pub(crate) const ROOT: Keys = Keys {
    home: "",
    known: &[&["system", "gateway", "services", "topics", "buckets", "objects", "streams", "upgrade"]],
    planned: &[("engines", ENGINES)],
};

pub(crate) const SYSTEM_UPGRADE: Keys = Keys {
    home: "`[upgrade]`",
    known: &[&["pinned"], EVERY_STRATEGY, ROLLING, KEPT, BLUE_GREEN, CANARY],
    planned: &[],
};

pub(crate) const UPGRADE: Keys = Keys {
    home: "`[services.NAME.upgrade]`",
    known: &[EVERY_STRATEGY, ROLLING, KEPT, BLUE_GREEN, CANARY],
    planned: &[],
};

/// The keys of an upgrade that every strategy has.
pub(crate) const EVERY_STRATEGY: &[&str] = &["strategy", "min_healthy_time", "healthy_deadline", "progress_deadline"];
pub(crate) const ROLLING: &[&str] = &["max_surge", "max_unavailable"];
/// Those of both strategies that keep the old set.
pub(crate) const KEPT: &[&str] = &["keep"];
pub(crate) const BLUE_GREEN: &[&str] = &["preview"];
pub(crate) const CANARY: &[&str] = &["steps", "judge", "scarce", "sticky", "tolerance"];

pub(crate) const STEP: Keys = Keys { home: "`steps` of an upgrade", known: &[&["weight", "wait"]], planned: &[] };

pub(crate) const STICKY: Keys = Keys { home: "`sticky` of an upgrade", known: &[&["header", "cookie"]], planned: &[] };

pub(crate) const TOLERANCE: Keys =
    Keys { home: "`tolerance` of an upgrade", known: &[&["failures", "latency", "requests"]], planned: &[] };

pub(crate) const STREAMS: Keys =
    Keys { home: "`[streams]`", known: &[&["engine", "url", "ca", "users"]], planned: &[] };

pub(crate) const TOPIC: Keys = Keys {
    home: "`[topics.NAME]`",
    known: &[&[
        "retention",
        "max_bytes",
        "max_age",
        "max_msgs",
        "discard",
        "duplicate_window",
        "durability",
        "max_deliver",
        "backoff",
        "dead_letter",
    ]],
    planned: &[],
};

pub(crate) const BUCKET: Keys =
    Keys { home: "`[buckets.NAME]`", known: &[&["history", "ttl", "max_bytes", "max_value"]], planned: &[] };

pub(crate) const OBJECTS: Keys = Keys { home: "`[objects.NAME]`", known: &[&["ttl", "max_bytes"]], planned: &[] };

pub(crate) const DURABILITY: Keys = Keys { home: "`durability`", known: &[&["interval"]], planned: &[] };

pub(crate) const SYSTEM: Keys =
    Keys { home: "`[system]`", known: &[&["name", "releases_max", "releases_age"]], planned: &[("engines", ENGINES)] };

pub(crate) const GATEWAY: Keys = Keys {
    home: "`[gateway]`",
    known: &[&["listen", "routes", "tls", "trusted", "connections"], POLICY],
    planned: &[("cache", CACHES)],
};

pub(crate) const TLS: Keys = Keys { home: "`[gateway.tls]`", known: &[&["cert", "key"]], planned: &[] };

pub(crate) const CONNECTIONS: Keys =
    Keys { home: "`[gateway.connections]`", known: &[&["total", "per_peer"]], planned: &[] };

pub(crate) const ROUTE: Keys = Keys {
    home: "`[gateway.routes]`",
    known: &[&["to", "strip"], POLICY],
    planned: &[("mirror", MIRRORS), ("redirect", "redirects are not built yet"), ("cache", CACHES)],
};

pub(crate) const SERVICE: Keys = Keys {
    home: "`[services.NAME]`",
    known: &[&[
        "run",
        "dir",
        "build",
        "build_deadline",
        "inputs",
        "artifact",
        "cache",
        "env",
        "env_file",
        "secrets",
        "replicas",
        "health",
        "after",
        "calls",
        "connections",
        "listen",
        "store",
        "publishes",
        "subscribes",
        "buckets",
        "objects",
        "limits",
        "stop_grace",
        "drain_timeout",
        "protocol",
        "adaptive_concurrency",
        "upgrade",
        "migrate",
    ]],
    planned: &[("image", "containers are not built yet")],
};

pub(crate) const REPLICAS: Keys = Keys {
    home: "`[services.NAME.replicas]`",
    known: &[&["min", "max", "concurrency", "cpu", "window"]],
    planned: &[],
};

pub(crate) const MIGRATE: Keys =
    Keys { home: "`[services.NAME.migrate]`", known: &[&["command", "hold", "deadline"]], planned: &[] };

pub(crate) const HEALTH: Keys = Keys {
    home: "`[services.NAME.health]`",
    known: &[&["path", "interval", "interval_starting", "timeout", "grace"]],
    planned: &[],
};

pub(crate) const ADAPTIVE: Keys =
    Keys { home: "`[services.NAME.adaptive_concurrency]`", known: &[&["min", "max"]], planned: &[] };

pub(crate) const LIMITS: Keys = Keys { home: "`[services.NAME.limits]`", known: &[&["memory", "cpu"]], planned: &[] };

pub(crate) const STORE: Keys = Keys { home: "`[services.NAME.store]`", known: &[&["engine", "path"]], planned: &[] };

pub(crate) const CONNECTION: Keys = Keys {
    home: "`[services.NAME.connections.CALLEE]`",
    known: &[&["protocol"], POLICY],
    planned: &[("cache", CACHES), ("mirror", MIRRORS)],
};

/// The keys of a policy: in `[gateway]`, in a route and in a connection.
pub(crate) const POLICY: &[&str] = &[
    "timeout",
    "connect_timeout",
    "idle_timeout",
    "retries",
    "retry_budget",
    "hedge",
    "balance",
    "slow_start",
    "panic_percent",
    "upgrades",
    "queue",
    "in_flight_max",
    "rate",
    "breaker",
    "outlier",
    "limits",
    "access_log",
];

pub(crate) const RETRY_BUDGET: Keys =
    Keys { home: "`retry_budget`", known: &[&["percent", "per_second_min"]], planned: &[] };

pub(crate) const BALANCE: Keys = Keys { home: "`balance`", known: &[&["weighted", "hash"]], planned: &[] };

pub(crate) const HASH: Keys =
    Keys { home: "`hash` of `balance`", known: &[&["header", "cookie", "path", "load_percent_max"]], planned: &[] };

pub(crate) const RATE: Keys = Keys { home: "`rate`", known: &[&["limit", "burst"]], planned: &[] };

pub(crate) const BREAKER: Keys = Keys {
    home: "`breaker`",
    known: &[&["consecutive", "success_percent_min", "requests_min", "window", "open_min", "open_max"]],
    planned: &[],
};

pub(crate) const OUTLIER: Keys =
    Keys { home: "`outlier`", known: &[&["consecutive", "ejection", "ejection_max", "percent_max"]], planned: &[] };

pub(crate) const ACCESS_LOG: Keys = Keys { home: "`access_log`", known: &[&["sample"]], planned: &[] };

pub(crate) const MESSAGE_LIMITS: Keys = Keys {
    home: "`limits` of a connection or the gateway",
    known: &[&[
        "head",
        "target",
        "fields",
        "escaped_slashes",
        "body",
        "response_head",
        "head_timeout",
        "progress",
        "progress_grace",
        "buffer",
        "client_idle",
        "client_age",
        "upstream_idle",
        "upstream_connections",
        "client_connections",
        "http2",
    ]],
    planned: &[],
};

pub(crate) const HTTP2: Keys = Keys {
    home: "`http2` of `limits`",
    known: &[&["streams", "window", "connection_window", "resets", "local_resets", "control_frames", "empty_frames"]],
    planned: &[],
};

/// Where a key is looked for that was written in the wrong place, the likeliest place first.
const HOMES: [&Keys; 23] = [
    &SYSTEM,
    &GATEWAY,
    &SERVICE,
    &UPGRADE,
    &SYSTEM_UPGRADE,
    &STEP,
    &REPLICAS,
    &MIGRATE,
    &TOPIC,
    &HEALTH,
    &LIMITS,
    &STORE,
    &ROUTE,
    &TLS,
    &CONNECTIONS,
    &MESSAGE_LIMITS,
    &HTTP2,
    &BREAKER,
    &OUTLIER,
    &RETRY_BUDGET,
    &RATE,
    &HASH,
    &STREAMS,
];

impl Keys {
    /// Every key that can be used.
    pub(crate) fn known(&self) -> impl Iterator<Item = &'static str> {
        self.known.iter().copied().flatten().copied()
    }

    /// What there is for a key that other tools have for a service.
    pub(crate) fn foreign(&self, key: &str) -> Option<&'static str> {
        (self.home == SERVICE.home).then(|| foreign::hint(key)).flatten()
    }

    /// Where the key can be used, for one that was written in the wrong place.
    pub(crate) fn home_of(key: &str) -> Option<String> {
        if POLICY.contains(&key) {
            return Some(format!("{} or {}", CONNECTION.home, GATEWAY.home));
        }
        HOMES.into_iter().find(|keys| keys.known().any(|known| known == key)).map(|keys| keys.home.into())
    }
}
