//! The routing state as the workers use it: immutable, swapped as a whole.

use std::{
    collections::HashMap,
    net::Ipv4Addr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
};

use logic::route::Routes;
use model::{Epoch, InstanceId, ServiceName, spec::Policy};
use ports::traffic::{Caller, Routing, Upstream};

use crate::instance::Instance;

/// One routing state.
#[derive(Default)]
pub(crate) struct Table {
    pub(crate) epoch: Epoch,
    pub(crate) shutting_down: bool,
    pub(crate) gateway: Option<Gateway>,
    pub(crate) connections: HashMap<Ipv4Addr, Arc<Connection>>,
    pub(crate) services: Vec<Service>,
    index: HashMap<ServiceName, usize>,
}

/// The gateway's part.
pub(crate) struct Gateway {
    pub(crate) routes: Routes,
    /// The connection of each route.
    pub(crate) targets: Vec<Arc<Connection>>,
}

/// A declared right to call.
pub(crate) struct Connection {
    pub(crate) caller: Caller,
    pub(crate) callee: ServiceName,
    pub(crate) policy: Arc<Policy>,
    /// Who calls whom, as people read it.
    pub(crate) label: Box<str>,
    /// The callee's place in the services of the same table.
    service: Option<usize>,
    epoch: Epoch,
    waiting: Arc<AtomicU32>,
}

/// A service that is called.
pub(crate) struct Service {
    pub(crate) has_been_healthy: bool,
    pub(crate) endpoints: Vec<Arc<Instance>>,
}

impl Table {
    /// The table of a routing state, the one after `previous`.
    pub(crate) fn new(previous: &Self, routing: &Routing, registry: &Registry) -> Self {
        let mut table = Self {
            epoch: Epoch(previous.epoch.0 + 1),
            shutting_down: routing.shutting_down,
            index: routing.services.keys().enumerate().map(|(place, name)| (name.clone(), place)).collect(),
            services: routing.services.values().map(|upstream| Service::new(upstream, registry)).collect(),
            ..Self::default()
        };
        table.connections = routing
            .connections
            .iter()
            .map(|(address, declared)| {
                let before = previous.connections.get(address);
                (*address, table.connection(&declared.caller, &declared.callee, &declared.policy, before))
            })
            .collect();
        table.gateway = routing.gateway.as_ref().map(|gateway| {
            let before = previous.gateway.as_ref().map_or(&[][..], |gateway| &gateway.targets);
            let mut targets: Vec<Arc<Connection>> = Vec::new();
            for route in &gateway.routes {
                let same = |connection: &&Arc<Connection>| connection.callee == route.to;
                let target = targets.iter().find(same).cloned();
                targets.push(target.unwrap_or_else(|| {
                    table.connection(&Caller::Gateway, &route.to, &gateway.policy, before.iter().find(same))
                }));
            }
            Gateway { routes: Routes::new(&gateway.routes), targets }
        });
        table
    }

    /// The callee's place in the services of this table, whatever table the connection is of.
    pub(crate) fn service_of(&self, connection: &Connection) -> Option<usize> {
        if connection.epoch == self.epoch { connection.service } else { self.index.get(&connection.callee).copied() }
    }

    fn connection(
        &self,
        caller: &Caller,
        callee: &ServiceName,
        policy: &Arc<Policy>,
        before: Option<&Arc<Connection>>,
    ) -> Arc<Connection> {
        let label = format!("{caller} -> {callee}").into_boxed_str();
        let waiting = before.filter(|before| before.label == label).map(|before| before.waiting.clone());
        Arc::new(Connection {
            caller: caller.clone(),
            callee: callee.clone(),
            policy: policy.clone(),
            label,
            service: self.index.get(callee).copied(),
            epoch: self.epoch,
            waiting: waiting.unwrap_or_default(),
        })
    }
}

impl Service {
    fn new(upstream: &Upstream, registry: &Registry) -> Self {
        let endpoints =
            upstream.endpoints.iter().map(|endpoint| registry.instance(&endpoint.instance, &endpoint.target));
        Self { has_been_healthy: upstream.has_been_healthy, endpoints: endpoints.collect() }
    }
}

impl Connection {
    /// A place in the queue of those that wait for the service to become healthy, if there is one.
    pub(crate) fn enter_queue(&self) -> Option<Place> {
        let enter = |waiting| (waiting < self.policy.queue).then_some(waiting + 1);
        self.waiting.fetch_update(Relaxed, Relaxed, enter).ok().map(|_| Place(self.waiting.clone()))
    }
}

/// A place in a queue, until it is dropped.
pub(crate) struct Place(Arc<AtomicU32>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

/// Every instance that a routing state names or that has a request in flight.
#[derive(Default)]
pub(crate) struct Registry(Mutex<HashMap<InstanceId, Arc<Instance>>>);

impl Registry {
    pub(crate) fn get(&self, id: &InstanceId) -> Option<Arc<Instance>> {
        self.lock().get(id).cloned()
    }

    /// Forgets what is neither in the table, which all workers have acknowledged, nor in flight.
    pub(crate) fn prune(&self, table: &Table) {
        let named: std::collections::HashSet<&InstanceId> =
            table.services.iter().flat_map(|service| &service.endpoints).map(|instance| &instance.id).collect();
        self.lock().retain(|id, instance| named.contains(id) || instance.in_flight() > 0);
    }

    /// The instance; a new one if it has moved to another target.
    fn instance(&self, id: &InstanceId, target: &ports::traffic::Target) -> Arc<Instance> {
        let mut instances = self.lock();
        let known = instances.get(id).filter(|known| known.target == *target).cloned();
        known.unwrap_or_else(|| {
            let new = Arc::new(Instance::new(id.clone(), target.clone()));
            instances.insert(id.clone(), new.clone());
            new
        })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<InstanceId, Arc<Instance>>> {
        self.0.lock().expect("no holder of the lock panics")
    }
}
