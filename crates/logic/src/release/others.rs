//! What changes beside services, in words.

use std::{collections::BTreeMap, fmt::Display};

use model::{
    Gather,
    spec::{Gateway, Route, System},
};

/// What changes beside services, a sentence each.
pub fn others(old: &System, new: &System) -> Vec<String> {
    let mut said = Vec::new();
    if let (Some(old), Some(new)) = (&old.gateway, &new.gateway) {
        said.extend(each("the route", &routes(old), &routes(new), "goes"));
        let rest = |gateway: &Gateway| (gateway.policy.clone(), gateway.trusted.clone(), gateway.connections);
        if rest(old) != rest(new) {
            said.push("the gateway's policy or limits change".into());
        }
    }
    let stays = "is declared no more; what is in it stays";
    said.extend(each("the topic", &old.topics, &new.topics, stays));
    said.extend(each("the bucket", &old.buckets, &new.buckets, stays));
    said.extend(each("the object store", &old.objects, &new.objects, stays));
    if old.pinned != new.pinned {
        let whether = if new.pinned { "stay on the release that they entered on" } else { "are not pinned any more" };
        said.push(format!("requests {whether}"));
    }
    if old.upgrade != new.upgrade {
        said.push("the system's `upgrade` changes".into());
    }
    if old.kept != new.kept {
        said.push("which releases are kept changes".into());
    }
    said
}

fn each<K: Ord + Display, V: PartialEq>(
    what: &str,
    old: &BTreeMap<K, V>,
    new: &BTreeMap<K, V>,
    gone: &str,
) -> Vec<String> {
    let added =
        new.iter().filter(|(name, _)| !old.contains_key(name)).map(|(name, _)| format!("{what} `{name}` is new"));
    let changed = new.iter().filter(|(name, value)| old.get(name).is_some_and(|old| old != *value));
    let changed = changed.map(|(name, _)| format!("{what} `{name}` changes"));
    let gone = old.keys().filter(|name| !new.contains_key(name)).map(|name| format!("{what} `{name}` {gone}"));
    added.chain(changed).chain(gone).collect()
}

fn routes(gateway: &Gateway) -> BTreeMap<String, &Route> {
    let key = |route: &Route| format!("{}{}", route.host.as_deref().unwrap_or_default(), route.prefix);
    gateway.routes.iter().map(|route| (key(route), route)).gather()
}
