//! Traffic: who may reach whom, and where. Control hands the whole routing state over, the mesh acts on it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use model::{
    Epoch, InstanceId, ServiceName, Slot,
    figures::{ConnectionFigures, EntryFigures, TlsFigures},
    spec::{AdaptiveConcurrency, ConnectionLimits, Network, Policy, Route, Side, Sticky},
    status::Failure,
};

/// The whole routing state. Parts that did not change are shared between epochs.
#[derive(Debug, Clone, Default)]
pub struct Routing {
    /// The gateway's routes; `None` without a gateway.
    pub gateway: Option<Arc<GatewayRouting>>,
    /// Connections by the local address that they are called on.
    pub connections: Arc<BTreeMap<Ipv4Addr, Connection>>,
    /// The slots whose instances reach the server of messages, by the local address that it is called on.
    pub messages: Arc<BTreeMap<Ipv4Addr, Slot>>,
    /// Every service by name.
    pub services: BTreeMap<ServiceName, Arc<Upstream>>,
    /// Whether the system stops: the gateway refuses new requests with `shutting-down`, and nothing is held any more.
    /// Calls between services go on, so that what is in flight can end.
    pub shutting_down: bool,
}

/// The gateway's part.
#[derive(Debug, Clone)]
pub struct GatewayRouting {
    /// The routes.
    pub routes: Vec<Route>,
    /// The policy of its connections.
    pub policy: Arc<Policy>,
    /// The peers whose word on who the client is counts.
    pub trusted: Vec<Network>,
    /// How many connections it takes.
    pub connections: ConnectionLimits,
    /// What the new release says, while a rollout lasts: what goes to its instances goes by its policies.
    pub new: Option<RoutePolicies>,
}

/// The policies of routes.
#[derive(Debug, Clone)]
pub struct RoutePolicies {
    /// The routes, of which only those count that the gateway has too, to the same service.
    pub routes: Vec<Route>,
    /// The policy of those that have none of their own.
    pub policy: Arc<Policy>,
}

/// A declared right to call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// Who calls.
    pub caller: Caller,
    /// Who is called.
    pub callee: ServiceName,
    /// How.
    pub policy: Arc<Policy>,
    /// The Unix socket that stands beside the address, for as long as the connection is declared; a path of at most
    /// [`SOCKET_PATH_BYTES_MAX`](crate::keeper::SOCKET_PATH_BYTES_MAX).
    pub socket: Option<PathBuf>,
    /// The release of the caller, if its calls stay on it: then [`Split::weight`] does not count. `None` otherwise.
    pub side: Option<Side>,
}

/// Who calls.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Caller {
    /// The gateway.
    Gateway,
    /// A person, through the control API.
    Operator,
    /// The instance in a slot.
    Slot(Slot),
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gateway => f.write_str("gateway"),
            Self::Operator => f.write_str("operator"),
            Self::Slot(slot) => slot.fmt(f),
        }
    }
}

/// A service as the mesh sees it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Upstream {
    /// Whether it has ever been healthy since the system came up. Until then requests are held.
    pub has_been_healthy: bool,
    /// Whether the requests in flight to it are limited by what its latency tells, and how far.
    pub adaptive_concurrency: AdaptiveConcurrency,
    /// The instances that take requests.
    pub endpoints: Vec<Endpoint>,
    /// Whether requests are held, whatever instances there are: a migration runs.
    pub hold: bool,
    /// Whether it has no instances because nobody needed it. Requests are held then, and [`Traffic::awaited`] names it.
    pub asleep: bool,
    /// What is said about two releases, while a rollout lasts.
    pub split: Option<Split>,
}

/// How requests are shared between two releases of a service. With it begin new [`Traffic::compare`] figures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// The share of the new release, in steps of 0.01 %; by instance if `None`, as if there were one release. While one of
    /// them has no instances the other one takes its requests, unless their caller is pinned.
    pub weight: Option<u16>,
    /// What keeps a client on one release as the weight grows.
    pub sticky: Sticky,
}

/// An instance that takes requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// The instance.
    pub instance: InstanceId,
    /// Where it listens.
    pub target: Target,
    /// Its release, where [`Upstream::split`] tells two apart.
    pub side: Side,
}

/// What one of two releases did since its split began. It only grows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SideFigures {
    /// Requests that its instances had and that ended, without those whose caller went away before.
    pub requests: u64,
    /// Those of them that failed, by `logic::outcome`.
    pub failures: u64,
    /// How long the others took: counts by `logic::histogram::bucket`.
    pub latency: Vec<u64>,
}

/// How busy a service is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Load {
    /// Requests in flight to it or held for it now.
    pub in_flight: u32,
    /// The integral of that over time, since the service was known: one request of one second is one second.
    pub busy: Duration,
}

/// Where an instance listens.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Target {
    /// On TCP.
    Tcp(SocketAddr),
    /// On a Unix stream socket.
    Unix(PathBuf),
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => path.display().fmt(f),
        }
    }
}

/// How a drain ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drained {
    /// Every request in flight ended.
    Exactly,
    /// So many requests were cut off at the deadline.
    CutOff(u32),
}

/// Carries requests.
#[async_trait]
pub trait Traffic: Send + Sync + 'static {
    /// Puts a routing state into force; returns when every worker has acknowledged it. States are applied in the
    /// order of the calls.
    async fn apply(&self, routing: Routing) -> Epoch;
    /// Waits until no request is in flight to the instance, at most so long, then cuts off what is left. Idle
    /// connections to it are closed at once. The instance must have left the routing state, acknowledged.
    async fn drain(&self, instance: &InstanceId, timeout: Duration) -> Drained;
    /// The requests in flight to an instance.
    fn in_flight(&self, instance: &InstanceId) -> u32;
    /// The figures of every connection of the routing state, in the order of their names.
    fn connections(&self) -> Vec<ConnectionFigures>;
    /// What was refused before a connection was known, by where it came in.
    fn entries(&self) -> Vec<EntryFigures>;
    /// The open connections of clients: to the gateway, and of instances to their addresses.
    fn clients(&self) -> u32;
    /// The gateway's handshakes; `None` if it speaks in the clear.
    fn tls_figures(&self) -> Option<TlsFigures>;
    /// The last requests to the service that failed, newest first; bounded.
    fn failures(&self, service: &ServiceName) -> Vec<Failure>;
    /// What the old and the new release of a service did since its split began; `None` without a split.
    fn compare(&self, service: &ServiceName) -> Option<[SideFigures; 2]>;
    /// How busy a service is; nothing if it is not known.
    fn load(&self, service: &ServiceName) -> Load;
    /// Waits until requests are held for services that are asleep; returns their names. Called again, it returns when there
    /// are others or new ones.
    async fn awaited(&self) -> BTreeSet<ServiceName>;
    /// What the host cannot do, a sentence each.
    fn notices(&self) -> Vec<String>;
}
