//! The routing state: what changed, and the task that puts it into force in order.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use model::{
    Gather, InstanceId, ServiceName, Slot,
    spec::{Gateway, Policy, Side, System},
};
use ports::{
    tasks::TaskKind,
    traffic::{Caller, Connection, Drained, GatewayRouting, RoutePolicies, Routing, Upstream},
};
use tokio::sync::{mpsc, watch};

use super::{input::Input, service::ServiceState};
use crate::{Config, Engines, addresses::Place};

/// Changes that may wait for the applier.
const CHANGES_MAX: usize = 64;

/// A new routing state, and the drains that begin once it is in force.
pub(super) struct Change {
    number: u64,
    routing: Routing,
    drains: Vec<(InstanceId, Duration)>,
}

/// What the supervisor keeps of the routing state.
pub(super) struct State {
    gateway: Option<Arc<GatewayRouting>>,
    connections: Arc<BTreeMap<Ipv4Addr, Connection>>,
    messages: Arc<BTreeMap<Ipv4Addr, Slot>>,
    upstreams: BTreeMap<ServiceName, Arc<Upstream>>,
    changed: BTreeSet<ServiceName>,
    /// Whether anything but an upstream changed.
    dirty: bool,
    drains: Vec<(InstanceId, Duration)>,
    was_stopping: bool,
    /// The number of the last change.
    last: u64,
}

impl State {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            gateway: gateway(&config.system, None),
            connections: Arc::default(),
            messages: Arc::default(),
            upstreams: BTreeMap::new(),
            changed: config.system.services.keys().cloned().gather(),
            dirty: true,
            drains: Vec::new(),
            was_stopping: false,
            last: 0,
        }
    }

    /// The service's upstream changed.
    pub(super) fn mark(&mut self, service: &ServiceName) {
        self.changed.insert(service.clone());
    }

    /// The gateway routes as this system says; what goes to a release on its way has the policies of that.
    pub(super) fn set_gateway(&mut self, system: &System, coming: Option<&System>) {
        self.gateway = gateway(system, coming);
        self.dirty = true;
    }

    /// A state comes that is to be acknowledged, whether or not anything changed.
    pub(super) fn touch(&mut self) {
        self.dirty = true;
    }

    /// Declares a connection; its calls stay on a release if that is said.
    pub(super) fn connect(
        &mut self,
        caller: Caller,
        callee: ServiceName,
        place: &Place,
        policy: Arc<Policy>,
        side: Option<Side>,
    ) {
        let SocketAddr::V4(address) = place.address else { return };
        let connection = Connection { caller, callee, policy, socket: place.socket.clone(), side };
        if self.connections.get(address.ip()) != Some(&connection) {
            Arc::make_mut(&mut self.connections).insert(*address.ip(), connection);
            self.dirty = true;
        }
    }

    /// Declares that a slot may use messages.
    pub(super) fn connect_messages(&mut self, slot: Slot, address: SocketAddr) {
        let SocketAddr::V4(address) = address else { return };
        if self.messages.get(address.ip()) != Some(&slot) {
            Arc::make_mut(&mut self.messages).insert(*address.ip(), slot);
            self.dirty = true;
        }
    }

    /// The slots that may use messages.
    pub(super) fn slots_with_messages(&self) -> impl Iterator<Item = &Slot> {
        self.messages.values()
    }

    /// Takes back every connection of a slot, and its way to messages.
    pub(super) fn disconnect(&mut self, slot: &Slot) {
        let caller = Caller::Slot(slot.clone());
        Arc::make_mut(&mut self.connections).retain(|_, connection| connection.caller != caller);
        Arc::make_mut(&mut self.messages).retain(|_, owner| owner != slot);
        self.dirty = true;
    }

    /// Takes back one connection.
    pub(super) fn disconnect_address(&mut self, address: SocketAddr) {
        if let SocketAddr::V4(address) = address {
            Arc::make_mut(&mut self.connections).remove(address.ip());
            self.dirty = true;
        }
    }

    /// The service is no longer there.
    pub(super) fn forget(&mut self, service: &ServiceName) {
        self.upstreams.remove(service);
        self.dirty = true;
    }

    /// The number of the change with which everything declared so far is in force.
    pub(super) fn needed(&self) -> u64 {
        self.last + u64::from(self.dirty)
    }

    /// Begins a drain once the next state is in force.
    pub(super) fn drain_after_change(&mut self, id: InstanceId, timeout: Duration) {
        self.drains.push((id, timeout));
    }

    /// The change since the last one, if there is any.
    pub(super) fn take_change(
        &mut self,
        services: &BTreeMap<ServiceName, ServiceState>,
        stopping: bool,
    ) -> Option<Change> {
        let switched = std::mem::replace(&mut self.was_stopping, stopping) != stopping;
        if !switched && !self.dirty && self.changed.is_empty() && self.drains.is_empty() {
            return None;
        }
        for name in std::mem::take(&mut self.changed) {
            if let Some(service) = services.get(&name) {
                self.upstreams.insert(name, service.upstream.clone());
            }
        }
        self.dirty = false;
        self.last += 1;
        let routing = Routing {
            gateway: self.gateway.clone(),
            connections: self.connections.clone(),
            messages: self.messages.clone(),
            services: self.upstreams.clone(),
            shutting_down: stopping,
        };
        Some(Change { number: self.last, routing, drains: std::mem::take(&mut self.drains) })
    }
}

fn gateway(system: &System, coming: Option<&System>) -> Option<Arc<GatewayRouting>> {
    let gateway = system.gateway.as_ref()?;
    let policies = |new: &Gateway| RoutePolicies { routes: new.routes.clone(), policy: Arc::new(new.policy.clone()) };
    Some(Arc::new(GatewayRouting {
        routes: gateway.routes.clone(),
        policy: Arc::new(gateway.policy.clone()),
        trusted: gateway.trusted.clone(),
        connections: gateway.connections,
        new: coming.and_then(|coming| coming.gateway.as_ref()).map(policies),
    }))
}

/// Starts the task that applies changes, one after the other; a drain begins when its change is in force. The second
/// value is the number of the last change in force.
pub(super) fn start_applier(
    engines: &Engines,
    inputs: mpsc::Sender<Input>,
) -> (mpsc::Sender<Change>, watch::Receiver<u64>) {
    let (sender, mut changes) = mpsc::channel::<Change>(CHANGES_MAX);
    let (in_force, watched) = watch::channel(0);
    let (traffic, tasks) = (engines.traffic.clone(), engines.tasks.clone());
    engines.tasks.spawn(TaskKind::Loop("routing"), async move {
        while let Some(mut change) = changes.recv().await {
            while let Ok(newer) = changes.try_recv() {
                change.drains.extend(newer.drains);
                (change.number, change.routing) = (newer.number, newer.routing);
            }
            traffic.apply(change.routing).await;
            in_force.send_replace(change.number);
            for (id, timeout) in change.drains {
                let (traffic, inputs) = (traffic.clone(), inputs.clone());
                tasks.spawn(TaskKind::Work("drain"), async move {
                    let cut_off = match traffic.drain(&id, timeout).await {
                        Drained::Exactly => 0,
                        Drained::CutOff(count) => count,
                    };
                    let _ = inputs.send(Input::Drained(id, cut_off)).await;
                });
            }
        }
    });
    (sender, watched)
}
