//! In which order services start and stop.

use std::collections::{BTreeMap, BTreeSet};

use model::{Gather, ServiceName, spec::System};

/// The services in the order in which they stop: every wave may stop when the one before it has stopped. Callers come
/// before what they call; services that call each other in a circle stop together.
pub fn stop_waves(system: &System) -> Vec<Vec<ServiceName>> {
    let circles = Circles::of(system);
    let mut depths = BTreeMap::new();
    for circle in (0..circles.members.len()).rev() {
        // Circles are numbered callees first, so every caller of this one has its depth already.
        let depth = depths.get(&circle).copied().unwrap_or(0);
        depths.entry(circle).or_insert(0);
        for callee in circles.callees(system, circle) {
            let below = depths.entry(callee).or_insert(0);
            *below = (*below).max(depth + 1);
        }
    }
    let mut waves = vec![Vec::new(); depths.values().max().map_or(0, |deepest| deepest + 1)];
    for (circle, depth) in depths {
        waves[depth].extend(circles.members[circle].iter().cloned());
    }
    waves.iter_mut().for_each(|wave| wave.sort());
    waves
}

/// The services that `after` keeps waiting: those that have not been healthy, of those that it names.
pub fn waits_for(system: &System, service: &ServiceName, healthy: &BTreeSet<ServiceName>) -> Vec<ServiceName> {
    let after = system.services.get(service).map(|spec| spec.after.as_slice()).unwrap_or_default();
    after.iter().filter(|name| !healthy.contains(*name)).cloned().collect()
}

/// The strongly connected components of the calls (Tarjan 1972), numbered so that callees come before callers.
#[derive(Default)]
struct Circles<'a> {
    members: Vec<Vec<ServiceName>>,
    of: BTreeMap<&'a ServiceName, usize>,
    visit: BTreeMap<&'a ServiceName, usize>,
    low: BTreeMap<&'a ServiceName, usize>,
    path: Vec<&'a ServiceName>,
}

impl<'a> Circles<'a> {
    fn of(system: &'a System) -> Self {
        let mut circles = Self::default();
        for name in system.services.keys() {
            if !circles.visit.contains_key(name) {
                circles.descend(system, name);
            }
        }
        circles
    }

    fn descend(&mut self, system: &'a System, name: &'a ServiceName) {
        let number = self.visit.len();
        self.visit.insert(name, number);
        self.low.insert(name, number);
        self.path.push(name);
        for callee in system.services[name].calls.keys() {
            if !system.services.contains_key(callee) {
                continue;
            }
            if !self.visit.contains_key(callee) {
                self.descend(system, callee);
            }
            if !self.of.contains_key(callee) {
                let reached = self.low[callee].min(self.low[name]);
                self.low.insert(name, reached);
            }
        }
        if self.low[name] == number {
            self.close(name);
        }
    }

    fn close(&mut self, root: &'a ServiceName) {
        let mut members = Vec::new();
        while let Some(member) = self.path.pop() {
            self.of.insert(member, self.members.len());
            members.push(member.clone());
            if member == root {
                break;
            }
        }
        self.members.push(members);
    }

    fn callees(&self, system: &'a System, circle: usize) -> BTreeSet<usize> {
        let calls = self.members[circle].iter().flat_map(|member| system.services[member].calls.keys());
        calls.filter_map(|callee| self.of.get(callee).copied()).filter(|callee| *callee != circle).gather()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service_spec::system;

    fn waves(calls: &[(&str, &[&str])]) -> Vec<String> {
        let waves = stop_waves(&system(calls));
        waves.iter().map(|w| w.iter().map(ServiceName::as_str).collect::<Vec<_>>().join(" ")).collect()
    }

    #[test]
    fn callers_stop_first() {
        assert_eq!(waves(&[]), Vec::<String>::new());
        assert_eq!(
            waves(&[("orders", &["users", "stock"]), ("stock", &["users"]), ("users", &[]), ("worker", &[])]),
            ["orders worker", "stock", "users"]
        );
        assert_eq!(waves(&[("a", &["b"]), ("b", &["a", "c"]), ("c", &["c"]), ("z", &["a"])]), ["z", "a b", "c"]);
    }

    #[test]
    fn after_waits_for_health() {
        let mut system = system(&[("a", &[]), ("b", &[])]);
        let (a, b): (ServiceName, ServiceName) = ("a".parse().unwrap(), "b".parse().unwrap());
        system.services.get_mut(&a).unwrap().after = vec![b.clone()];
        assert_eq!(waits_for(&system, &a, &BTreeSet::new()), std::slice::from_ref(&b));
        assert!(waits_for(&system, &a, &BTreeSet::from([b])).is_empty());
    }
}
