//! What outlives a routing state: instances, connections, and the places of services.

use std::{
    collections::{HashMap, HashSet},
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
    }

    /// The names of what it knows.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn names(&self) -> std::collections::BTreeSet<String> {
        let known = self.lock();
        let instances = known.instances.keys().map(ToString::to_string);
        instances.chain(known.connections.keys().map(ToString::to_string)).collect()
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
        let place = known.services.len();
        known.services.entry(name.clone()).or_insert_with(|| (place, Arc::new(Load::new(self.workers, now)))).clone()
    }

    /// The same of a service that was named before.
    pub(crate) fn known_service(&self, name: &ServiceName) -> Option<(usize, Arc<Load>)> {
        self.lock().services.get(name).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().expect("no holder of the lock panics")
    }
}
