//! Every key of the manifest: those that are known, and those that are planned.

/// The keys of one kind of table.
pub(crate) struct Keys {
    /// Where a person finds the table.
    home: &'static str,
    /// The keys that can be used, the most important first.
    pub known: &'static [&'static str],
    /// The keys of parts that are not built yet, and which part that is.
    pub planned: &'static [(&'static str, &'static str)],
}

const ENGINES: &str = "external engines are not built yet";
const POLICY_LATER: &str = "this part of a connection's policy is not built yet";
const STREAMS: &str = "streams are not built yet";
const TOPICS: &str = "topics are not built yet";
const UPGRADES: &str = "upgrades in steps are not built yet";

pub(crate) const ROOT: Keys = Keys {
    home: "",
    known: &["system", "gateway", "services"],
    planned: &[("topics", TOPICS), ("streams", STREAMS), ("buckets", STREAMS), ("engines", ENGINES)],
};

pub(crate) const SYSTEM: Keys = Keys { home: "system", known: &["name"], planned: &[("engines", ENGINES)] };

pub(crate) const GATEWAY: Keys = Keys {
    home: "gateway",
    known: &["listen", "routes", "timeout", "connect_timeout", "retries", "balance", "queue"],
    planned: &[
        ("tls", "the gateway's TLS is not built yet"),
        ("cache", POLICY_LATER),
        ("breaker", POLICY_LATER),
        ("hedge", POLICY_LATER),
        ("rate", POLICY_LATER),
        ("limits", POLICY_LATER),
    ],
};

pub(crate) const ROUTE: Keys = Keys {
    home: "gateway.routes",
    known: &["to", "strip"],
    planned: &[("weight", UPGRADES), ("mirror", UPGRADES), ("redirect", "redirects are not built yet")],
};

pub(crate) const SERVICE: Keys = Keys {
    home: "services.NAME",
    known: &[
        "run",
        "dir",
        "build",
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
        "limits",
        "stop_grace",
        "drain_timeout",
    ],
    planned: &[
        ("publishes", TOPICS),
        ("subscribes", TOPICS),
        ("topics", TOPICS),
        ("buckets", STREAMS),
        ("objects", STREAMS),
        ("streams", STREAMS),
        ("upgrade", UPGRADES),
        ("hold", UPGRADES),
        ("pinned", UPGRADES),
        ("migrate", "migrations of a store are not built yet"),
        ("image", "containers are not built yet"),
    ],
};

pub(crate) const HEALTH: Keys = Keys {
    home: "services.NAME.health",
    known: &["path", "interval", "interval_starting", "timeout", "grace"],
    planned: &[],
};

pub(crate) const LIMITS: Keys = Keys { home: "services.NAME.limits", known: &["memory", "cpu"], planned: &[] };

pub(crate) const STORE: Keys = Keys { home: "services.NAME.store", known: &["engine", "path"], planned: &[] };

pub(crate) const CONNECTION: Keys = Keys {
    home: "services.NAME.connections.CALLEE",
    known: &["timeout", "connect_timeout", "retries", "balance", "queue"],
    planned: &[
        ("cache", POLICY_LATER),
        ("breaker", POLICY_LATER),
        ("hedge", POLICY_LATER),
        ("rate", POLICY_LATER),
        ("limits", POLICY_LATER),
        ("mirror", POLICY_LATER),
        ("retry_budget", POLICY_LATER),
        ("protocol", "protocols other than HTTP/1.1 are not built yet"),
    ],
};

impl Keys {
    /// Where the key can be used, for one that was written in the wrong place.
    pub(crate) fn home_of(key: &str) -> Option<&'static str> {
        let all = [&SYSTEM, &GATEWAY, &SERVICE, &HEALTH, &LIMITS, &STORE];
        all.into_iter().find(|keys| keys.known.contains(&key)).map(|keys| keys.home)
    }
}
