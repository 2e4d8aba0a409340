//! Second sets of a pinned system. The gateway counts as changed: a request that it sent to one release stays there, whatever
//! services it passes.

mod graph;

use std::collections::BTreeSet;

use crate::{Gather, ServiceName, spec::System};
use graph::Calls;

/// Who calls: a service, or the gateway.
pub type Node = Option<ServiceName>;

/// The unchanged services that need a second set while these are replaced or added.
pub fn second_sets(old: &System, new: &System, changed: &BTreeSet<ServiceName>) -> BTreeSet<ServiceName> {
    if changed.is_empty() {
        return BTreeSet::new();
    }
    let found = graph::second_sets(&calls([old, new]), &with_gateway(changed));
    found.into_iter().flatten().filter(|name| new.services.contains_key(name)).gather()
}

/// A path that leaves a release of these services and comes back into it. Proves, where there is none, that a request
/// which entered on it stays on it.
pub fn reentry(system: &System, release: &BTreeSet<ServiceName>) -> Option<Vec<Node>> {
    graph::reentry(&calls([system]), &with_gateway(release))
}

fn with_gateway(services: &BTreeSet<ServiceName>) -> BTreeSet<Node> {
    services.iter().cloned().map(Some).chain([None]).gather()
}

fn calls<'a>(systems: impl IntoIterator<Item = &'a System>) -> Calls<Node> {
    let mut calls = Calls::new();
    for system in systems {
        let routes = system.gateway.iter().flat_map(|gateway| &gateway.routes);
        let entries = routes.map(|route| (None, &route.to));
        let services = system.services.iter();
        let between =
            services.flat_map(|(name, service)| service.calls.keys().map(|callee| (Some(name.clone()), callee)));
        for (caller, callee) in entries.chain(between) {
            calls.entry(caller).or_insert_with(BTreeSet::new).insert(Some(callee.clone()));
        }
    }
    calls
}
