//! The routing state as the workers use it: immutable, swapped as a whole.

use std::{
    collections::{BTreeMap, HashMap},
    net::Ipv4Addr,
    sync::Arc,
};

use logic::{outlier, route::Routes};
use model::{
    Epoch, InstanceId, ServiceName, Slot, Timestamp,
    spec::{ConnectionLimits, Network, Policy, Route, Side},
};
use ports::traffic::{Caller, Endpoint, GatewayRouting, Routing, Upstream};

use crate::{
    connection::{Connection, Heads},
    connections::{Connections, name_of},
    instance::Instance,
    registry::Registry,
    split::Split,
};

/// One routing state.
#[derive(Default)]
pub(crate) struct Table {
    pub(crate) epoch: Epoch,
    pub(crate) shutting_down: bool,
    pub(crate) gateway: Option<Gateway>,
    pub(crate) addresses: HashMap<Ipv4Addr, Address>,
    /// The slots that enter at the addresses of messages.
    pub(crate) messages: Arc<BTreeMap<Ipv4Addr, Slot>>,
    pub(crate) connections: Vec<Arc<Connection>>,
    /// By place; `None` for a service that is gone.
    pub(crate) services: Vec<Option<Service>>,
}

/// The gateway's part.
pub(crate) struct Gateway {
    pub(crate) routes: Routes,
    /// Where each route leads.
    pub(crate) targets: Vec<Way>,
    pub(crate) policy: Arc<Policy>,
    pub(crate) heads: Heads,
    pub(crate) trusted: Vec<Network>,
    pub(crate) limits: ConnectionLimits,
}

/// Where a route leads: connections, as indexes.
#[derive(Clone, Copy)]
pub(crate) struct Way {
    pub(crate) connection: usize,
    /// The one with the policy of the new release, if that is another one.
    pub(crate) new: Option<usize>,
}

/// Where a caller enters.
pub(crate) struct Address {
    pub(crate) caller: Caller,
    /// Its connection, as an index.
    pub(crate) connection: usize,
    /// The release that its calls stay on.
    pub(crate) side: Option<Side>,
}

/// A service that is called.
pub(crate) struct Service {
    pub(crate) has_been_healthy: bool,
    /// Requests are held although there are instances.
    pub(crate) hold: bool,
    /// It has no instances because nobody needed it.
    pub(crate) asleep: bool,
    /// Those of the old release first.
    pub(crate) endpoints: Vec<(Arc<Instance>, Side)>,
    pub(crate) split: Option<Arc<Split>>,
}

impl Table {
    /// The table of a routing state, the one after `previous`.
    pub(crate) fn new(previous: &Self, routing: &Routing, registry: &Registry, now: Timestamp) -> Self {
        let mut made = Connections::default();
        let gateway = routing.gateway.as_ref().map(|gateway| Gateway::new(gateway, &mut made));
        let declared = routing.connections.iter().map(|(address, declared)| {
            let caller = declared.caller.clone();
            let connection = made.add(&name_of(&caller), &declared.callee, &declared.policy);
            (*address, Address { caller, connection, side: declared.side })
        });
        let addresses = declared.collect();
        Self {
            epoch: Epoch(previous.epoch.0 + 1),
            shutting_down: routing.shutting_down,
            gateway,
            addresses,
            messages: routing.messages.clone(),
            connections: made.make(&previous.connections, registry, now),
            services: services(previous, routing, registry, now),
        }
    }

    /// The service of a place, unless it is gone.
    pub(crate) fn service(&self, place: usize) -> Option<&Service> {
        self.services.get(place)?.as_ref()
    }

    /// The instances of a service that get no requests for now.
    pub(crate) fn ejected(&self, place: usize, now: Timestamp) -> Vec<InstanceId> {
        let all = self.service(place).into_iter().flat_map(Service::instances);
        let ejected = all.filter(|instance| outlier::is_ejected(instance.outlier_word(), now));
        ejected.map(|instance| instance.id.clone()).collect()
    }

    pub(crate) fn instances(&self) -> impl Iterator<Item = &Arc<Instance>> {
        self.services.iter().flatten().flat_map(Service::instances)
    }
}

fn services(previous: &Table, routing: &Routing, registry: &Registry, now: Timestamp) -> Vec<Option<Service>> {
    let mut services = Vec::new();
    for (name, upstream) in &routing.services {
        let (place, load) = registry.service(name, now);
        load.adapt(upstream.adaptive_concurrency);
        if services.len() <= place {
            services.resize_with(place + 1, || None);
        }
        services[place] = Some(Service::new(previous.service(place), upstream, registry));
    }
    services
}

/// What tells a route from others, and where it leads.
fn key(route: &Route) -> (Option<&str>, &str, &ServiceName) {
    (route.host.as_deref(), &route.prefix, &route.to)
}

impl Gateway {
    fn new(gateway: &GatewayRouting, made: &mut Connections) -> Self {
        let new = gateway.new.iter().flat_map(|new| new.routes.iter().map(|route| (key(route), (route, &new.policy))));
        let new: HashMap<_, _> = new.collect();
        let way = |route: &Route| {
            let connection = made.add_route(route, &gateway.policy);
            let new = new.get(&key(route)).map(|(route, policy)| made.add_route(route, policy));
            Way { connection, new: new.filter(|new| *new != connection) }
        };
        Self {
            targets: gateway.routes.iter().map(way).collect(),
            routes: Routes::new(&gateway.routes),
            policy: gateway.policy.clone(),
            heads: Heads::new(&gateway.policy.limits),
            trusted: gateway.trusted.clone(),
            limits: gateway.connections,
        }
    }
}

impl Service {
    fn new(previous: Option<&Self>, upstream: &Upstream, registry: &Registry) -> Self {
        let told_apart = |side| if upstream.split.is_some() { side } else { Side::Old };
        let endpoint =
            |endpoint: &Endpoint| (registry.instance(&endpoint.instance, &endpoint.target), told_apart(endpoint.side));
        let mut endpoints: Vec<_> = upstream.endpoints.iter().map(endpoint).collect();
        endpoints.sort_by_key(|(_, side)| *side);
        let before = previous.and_then(|previous| previous.split.as_deref());
        Self {
            has_been_healthy: upstream.has_been_healthy,
            hold: upstream.hold,
            asleep: upstream.asleep,
            endpoints,
            split: upstream.split.as_ref().map(|asked| Arc::new(Split::new(asked, before, registry.workers()))),
        }
    }

    /// Whether requests wait for an instance, rather than being told that there is none.
    pub(crate) fn is_waited_for(&self) -> bool {
        !self.has_been_healthy || self.hold || self.asleep
    }

    fn instances(&self) -> impl Iterator<Item = &Arc<Instance>> {
        self.endpoints.iter().map(|(instance, _)| instance)
    }
}
