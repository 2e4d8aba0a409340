//! What outlives a routing state: instances, connections, and the places of services.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard},
};

use model::{InstanceId, ServiceName, Timestamp};
use ports::traffic::Target;

use crate::{connection::State, instance::Instance, load::Load, table::Table};

/// Everything that a routing state names or that has a request in flight.
pub(crate) struct Registry {
    workers: usize,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    instances: HashMap<InstanceId, Arc<Instance>>,
    connections: HashMap<Arc<str>, Arc<State>>,
    /// A service keeps its place, so that a request finds it in whatever table is in force.
    services: HashMap<ServiceName, (usize, Arc<Load>)>,
    /// The places below the highest that no service has.
    free: BTreeSet<usize>,
}

impl Registry {
    /// An empty one, for so many workers.
    pub(crate) fn new(workers: usize) -> Self {
        Self { workers, known: Mutex::default() }
    }

    pub(crate) fn workers(&self) -> usize {
        self.workers
    }

    pub(crate) fn get(&self, id: &InstanceId) -> Option<Arc<Instance>> {
        self.lock().instances.get(id).cloned()
    }

    /// All instances that it knows.
    pub(crate) fn instances(&self) -> Vec<Arc<Instance>> {
        self.lock().instances.values().cloned().collect()
    }

    /// Forgets what is neither in the table, which all workers have acknowledged, nor in flight.
    pub(crate) fn prune(&self, table: &Table) {
        let named: HashSet<&InstanceId> = table.instances().map(|instance| &instance.id).collect();
        let connected: HashSet<&str> = table.connections.iter().map(|connection| &*connection.name).collect();
        let mut known = self.lock();
        known.instances.retain(|id, instance| named.contains(id) || instance.in_flight() > 0);
        known.connections.retain(|name, state| connected.contains(&**name) || state.in_flight.is_used());
        let Known { services, free, .. } = &mut *known;
        let gone = services.extract_if(|_, (place, load)| table.service(*place).is_none() && !is_held(load));
        free.extend(gone.map(|(_, (place, _))| place));
    }

    /// The names of what it knows.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn names(&self) -> BTreeSet<String> {
        let known = self.lock();
        let instances = known.instances.keys().map(ToString::to_string);
        let services = known.services.keys().map(ToString::to_string);
        instances.chain(known.connections.keys().map(ToString::to_string)).chain(services).collect()
    }

    /// The instance; a new one if it has moved to another target.
    pub(crate) fn instance(&self, id: &InstanceId, target: &Target) -> Arc<Instance> {
        let mut known = self.lock();
        let instance = known.instances.get(id).filter(|known| known.target == *target).cloned();
        instance.unwrap_or_else(|| {
            let new = Arc::new(Instance::new(id.clone(), target.clone()));
            known.instances.insert(id.clone(), new.clone());
            new
        })
    }

    /// What outlives the policy of the connection of this name.
    pub(crate) fn connection(&self, name: &Arc<str>) -> Arc<State> {
        self.lock().connections.entry(name.clone()).or_default().clone()
    }

    /// The place of a service, and its load.
    pub(crate) fn service(&self, name: &ServiceName, now: Timestamp) -> (usize, Arc<Load>) {
        let mut known = self.lock();
        let Known { services, free, .. } = &mut *known;
        let highest = services.len();
        let new = || (free.pop_first().unwrap_or(highest), Arc::new(Load::new(self.workers, now)));
        services.entry(name.clone()).or_insert_with(new).clone()
    }

    /// The same of a service that is known.
    pub(crate) fn known_service(&self, name: &ServiceName) -> Option<(usize, Arc<Load>)> {
        self.lock().services.get(name).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().expect("no holder of the lock panics")
    }
}

/// Whether a connection leads there: one of a table, or one that a request came by.
fn is_held(load: &Arc<Load>) -> bool {
    Arc::strong_count(load) > 1
}

#[cfg(test)]
mod tests {
    use ports::traffic::{Caller, Connection, Routing};

    use super::*;

    const NOW: Timestamp = Timestamp(1_790_000_000_000_000);

    /// One service that one other calls.
    fn routing(name: &str) -> Routing {
        let callee: ServiceName = name.parse().unwrap();
        let caller = Caller::Slot("orders/1".parse().unwrap());
        let connection =
            Connection { caller, callee: callee.clone(), policy: Arc::default(), socket: None, side: None };
        Routing {
            connections: Arc::new([([127, 0, 0, 1].into(), connection)].into()),
            services: [(callee, Arc::default())].into(),
            ..Routing::default()
        }
    }

    fn apply(registry: &Registry, table: &mut Table, name: &str) {
        *table = Table::new(table, &routing(name), registry, NOW);
        registry.prune(table);
    }

    /// How many places the table has, and which is that of its service.
    fn places(table: &Table) -> (usize, usize) {
        (table.services.len(), table.connections[0].service)
    }

    #[test]
    fn a_service_that_is_gone_gives_its_place_back() {
        let (registry, mut table) = (Registry::new(1), Table::default());
        for number in 0..100 {
            apply(&registry, &mut table, &format!("s{number}"));
            let names = ["orders -> s{number}", "s{number}"].map(|name| name.replace("{number}", &number.to_string()));
            assert_eq!(registry.names(), names.into());
            assert!(places(&table).0 <= 2, "its own, and that of the one before");
        }
    }

    #[test]
    fn one_that_a_request_is_on_its_way_to_keeps_it() {
        let (registry, mut table) = (Registry::new(1), Table::default());
        apply(&registry, &mut table, "a");
        let of_request = table.connections[0].clone();
        for name in ["b", "c"] {
            apply(&registry, &mut table, name);
            assert!(table.service(of_request.service).is_none(), "it is not taken for another one");
        }
        apply(&registry, &mut table, "a");
        assert_eq!(table.connections[0].service, of_request.service);
        assert!(Arc::ptr_eq(&table.connections[0].load, &of_request.load));
        drop(of_request);
        for name in ["b", "c", "d"] {
            apply(&registry, &mut table, name);
        }
        assert!(registry.known_service(&"a".parse().unwrap()).is_none() && places(&table).0 <= 2);
    }
}
