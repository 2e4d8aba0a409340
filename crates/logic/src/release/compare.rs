//! What happens to the services of a system that goes from one release to another.

use std::collections::BTreeSet;

use model::{Gather, ServiceName, api::Change, pins::second_sets};

use super::{View, parts::parts};

/// What happens to one service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Its name.
    pub service: ServiceName,
    /// What happens to it.
    pub change: Change,
    /// What differs.
    pub parts: Vec<String>,
}

/// What happens to each service that something happens to, by name.
pub fn compare(old: &View, new: &View) -> Vec<Difference> {
    let names: BTreeSet<_> = old.units.keys().chain(new.units.keys()).copied().gather();
    let mut all: Vec<_> = names.into_iter().filter_map(|name| difference(name, old, new)).collect();
    if new.system.pinned {
        let replaced = |difference: &&Difference| matches!(difference.change, Change::Added | Change::Replaced);
        let changed: BTreeSet<_> = all.iter().filter(replaced).map(|difference| difference.service.clone()).gather();
        for service in second_sets(old.system, new.system, &changed) {
            all.retain(|difference| difference.service != service);
            let parts = Vec::new();
            all.push(Difference { service, change: Change::Second, parts });
        }
        all.sort_by(|one, other| one.service.cmp(&other.service));
    }
    all
}

fn difference(name: &ServiceName, old: &View, new: &View) -> Option<Difference> {
    let (change, parts) = match (old.units.get(name), new.units.get(name)) {
        (None, _) => (Change::Added, Vec::new()),
        (_, None) => (Change::Removed, Vec::new()),
        (Some(old), Some(new)) => {
            let parts = parts(*old, *new);
            let replaced = parts.iter().any(|part| part.needs_instances);
            let change = if replaced { Change::Replaced } else { Change::Adjusted };
            (change, parts.into_iter().map(|part| part.name).collect::<Vec<_>>())
        }
    };
    let nothing = change == Change::Adjusted && parts.is_empty();
    (!nothing).then(|| Difference { service: name.clone(), change, parts })
}
