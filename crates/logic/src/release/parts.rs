//! What differs of a service, and whether that needs new instances.

use std::collections::{BTreeMap, BTreeSet};

use model::{
    Gather, ServiceName,
    spec::{Policy, Service},
};

use super::Unit;

/// Something that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Its name: `artifact`, `run`, `env.NAME`, `secrets.NAME`, `calls.stock.timeout` …
    pub name: String,
    /// Whether only an instance that starts with it has it.
    pub needs_instances: bool,
}

/// The fields of one type that differ. A field that is not named does not compile.
macro_rules! differing {
    ($type:ident, $old:expr, $new:expr, $($field:ident)*) => {{
        let $type { $($field: _),* } = $new;
        [$((stringify!($field), $old.$field != $new.$field)),*].into_iter().filter(|(_, differs)| *differs)
    }};
}

/// What differs of a service. What is asked of an instance's surroundings, the policies of its calls for one, holds for those
/// that run already; what it sees, its limits and how it is checked need new ones.
pub fn parts(old: Unit, new: Unit) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut add = |name: String, needs_instances| parts.push(Part { name, needs_instances });
    if old.artifact != new.artifact {
        add("artifact".into(), true);
    }
    for name in keys(old.env_file, new.env_file) {
        add(format!("env_file.{name}"), true);
    }
    for name in keys(old.secrets, new.secrets) {
        add(format!("secrets.{name}"), true);
    }
    let (old, new) = (old.spec, new.spec);
    for name in keys(&old.env, &new.env) {
        add(format!("env.{name}"), true);
    }
    for (name, part, needs_instances) in calls(&old.calls, &new.calls) {
        add(format!("calls.{name}{part}"), needs_instances);
    }
    for field in fields(old, new) {
        add(field.into(), !NEED_NOTHING.contains(&field));
    }
    parts
}

/// Whatever comes of these, comes without a new instance; what a build makes shows in the artifact.
const NEED_NOTHING: [&str; 12] = [
    "inputs",
    "build",
    "build_deadline",
    "artifact paths",
    "cache",
    "replicas",
    "scaling",
    "upgrade",
    "after",
    "stop_grace",
    "drain_timeout",
    "adaptive_concurrency",
];

/// Those that are told one by one are left out.
fn fields<'a>(old: &'a Service, new: &'a Service) -> impl Iterator<Item = &'static str> + use<'a> {
    let all = differing!(Service, old, new,
        dir inputs build build_deadline artifact cache run env env_file secrets replicas scaling upgrade migrate health after stop_grace
        drain_timeout limits listen protocol adaptive_concurrency calls store publishes subscribes buckets objects);
    all.map(|(name, _)| if name == "artifact" { "artifact paths" } else { name })
        .filter(|name| !["env", "env_file", "secrets", "calls"].contains(name))
}

fn calls<'a>(
    old: &'a BTreeMap<ServiceName, Policy>,
    new: &'a BTreeMap<ServiceName, Policy>,
) -> impl Iterator<Item = (&'a ServiceName, String, bool)> {
    keys(old, new).into_iter().flat_map(|name| match (old.get(name), new.get(name)) {
        (Some(old), Some(new)) => {
            let fields = differing!(Policy, old, new,
                protocol timeout connect_timeout idle_timeout retries retry_budget hedge balance slow_start panic_percent
                upgrades in_flight_max queue rate breaker outlier limits access_log);
            // The protocol is in the address that the program is given.
            fields.map(|(field, _)| (name, format!(".{field}"), field == "protocol")).collect()
        }
        _ => vec![(name, String::new(), true)],
    })
}

/// The keys whose values differ, or that one of them has not.
fn keys<'a, K: Ord, V: PartialEq>(old: &'a BTreeMap<K, V>, new: &'a BTreeMap<K, V>) -> BTreeSet<&'a K> {
    old.keys().chain(new.keys()).filter(|key| old.get(key) != new.get(key)).gather()
}
