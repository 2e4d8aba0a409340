//! A running mesh, scripted servers and a raw client.

mod conn;
mod servers;

use std::{
    collections::BTreeMap,
    io::ErrorKind,
    net::{Ipv4Addr, SocketAddr},
    os::fd::OwnedFd,
    sync::Arc,
    time::Duration,
};

pub(crate) use conn::*;
use mesh::{Mesh, MeshConfig, TlsConfig};
use model::{
    Epoch, InstanceId,
    spec::{AdaptiveConcurrency, ConnectionLimits, MessageLimits, Policy, Route, Side},
};
use ports::{
    clock::{Clock, HostClock},
    identity::Identities,
    tasks::{TaskKind, Tasks},
    traffic::{Caller, Connection, Endpoint, GatewayRouting, Routing, Target, Traffic, Upstream},
};
pub(crate) use servers::*;
use tokio::{io::AsyncReadExt, net::TcpStream, time::timeout};

/// No wait of a test takes longer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// The address at which `orders/1` calls `users`.
pub(crate) const CONNECTION: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 1);

pub(crate) struct Rig {
    pub(crate) mesh: Arc<Mesh>,
    pub(crate) gateway: SocketAddr,
    pub(crate) connections: SocketAddr,
    pub(crate) policy: Policy,
    pub(crate) tasks: Tasks,
    pub(crate) folder: tempfile::TempDir,
}

/// What a service looks like: its name, whether it has been healthy, and its instances by run.
pub(crate) type Service<'a> = (&'a str, bool, &'a [(u64, Target)]);

pub(crate) fn free_socket() -> (OwnedFd, SocketAddr) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (listener.into(), address)
}

pub(crate) fn id(service: &str, run: u64) -> InstanceId {
    format!("{service}/{run}#{run}").parse().unwrap()
}

impl Rig {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(policy: impl FnOnce(&mut Policy)) -> Self {
        Self::start(policy, |_| {}).await
    }

    /// A rig that asks who calls.
    pub(crate) async fn attested(identities: Arc<dyn Identities>, policy: impl FnOnce(&mut Policy)) -> Self {
        Self::start(policy, |config| config.identities = Some(identities)).await
    }

    /// A rig whose gateway speaks TLS, if told how.
    pub(crate) async fn secure(tls: impl Into<Option<TlsConfig>>, policy: impl FnOnce(&mut Policy)) -> Self {
        Self::start(policy, |config| config.tls = tls.into()).await
    }

    pub(crate) async fn start(policy: impl FnOnce(&mut Policy), change: impl FnOnce(&mut MeshConfig)) -> Self {
        let mut rig = Self::with_clock(Arc::new(HostClock::start()), change).await;
        policy(&mut rig.policy);
        rig
    }

    /// A rig with a clock of its own.
    pub(crate) async fn with_clock(clock: Arc<dyn Clock>, change: impl FnOnce(&mut MeshConfig)) -> Self {
        let ((gateway_socket, gateway), (connections_socket, connections)) = (free_socket(), free_socket());
        let folder = tempfile::tempdir().unwrap();
        let mut config = MeshConfig {
            workers: 2,
            gateway: Some(gateway_socket),
            connections: vec![connections_socket],
            access_log: Some(folder.path().join("access.log")),
            ..MeshConfig::default()
        };
        change(&mut config);
        Self {
            mesh: Mesh::start(config, clock).await.unwrap(),
            gateway,
            connections,
            policy: Policy::default(),
            tasks: Tasks::default(),
            folder,
        }
    }

    /// A rig with one service behind `/`, one instance of it.
    pub(crate) async fn serving(target: Target) -> Self {
        let rig = Self::new().await;
        rig.apply(&[("users", true, &[(1, target)])]).await;
        rig
    }

    pub(crate) fn routing(&self, services: &[Service<'_>]) -> Routing {
        let routes = services.iter().enumerate().map(|(index, (name, _, _))| {
            let prefix = if index == 0 { "/".into() } else { format!("/{name}") };
            Route { strip: index > 0, ..Route::new(prefix, name.parse().unwrap()) }
        });
        let callee = services[0].0.parse().unwrap();
        let caller = Caller::Slot("orders/1".parse().unwrap());
        let (policy, edge) = (Arc::new(self.policy.clone()), MessageLimits::edge());
        let limits = MessageLimits { head: edge.head, ..policy.limits };
        let gateway = Arc::new(Policy { limits, ..self.policy.clone() });
        let connection = Connection { caller, callee, policy, socket: None, side: None };
        Routing {
            messages: Arc::default(),
            gateway: Some(Arc::new(GatewayRouting {
                routes: routes.collect(),
                policy: gateway,
                trusted: Vec::new(),
                connections: ConnectionLimits::default(),
                new: None,
            })),
            connections: Arc::new(BTreeMap::from([(CONNECTION, connection)])),
            services: services.iter().map(|service| (service.0.parse().unwrap(), upstream(service))).collect(),
            shutting_down: false,
        }
    }

    pub(crate) async fn apply(&self, services: &[Service<'_>]) -> Epoch {
        self.mesh.apply(self.routing(services)).await
    }

    pub(crate) async fn client(&self) -> Conn {
        Conn::new(TcpStream::connect(self.gateway).await.unwrap())
    }

    pub(crate) async fn caller(&self) -> Conn {
        Conn::new(TcpStream::connect(self.connections).await.unwrap())
    }

    /// A caller of plain TCP that is reset: it may learn that as it connects or after.
    pub(crate) async fn caller_is_reset(&self) {
        let read = async { TcpStream::connect(self.connections).await?.read(&mut [0]).await };
        let error = timeout(PATIENCE, read).await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    }

    /// Waits until so many requests are in flight.
    pub(crate) async fn until_in_flight(&self, instance: &InstanceId, count: u32) {
        let reached = async {
            while self.mesh.in_flight(instance) != count {
                tokio::task::yield_now().await;
            }
        };
        timeout(PATIENCE, reached).await.unwrap();
    }

    /// A server that does with each connection what the script says.
    pub(crate) async fn server<F>(&self, script: impl Fn(Conn) -> F + Send + Sync + 'static) -> Target
    where
        F: Future<Output = ()> + Send + 'static,
    {
        serve(&self.tasks, script).await
    }

    /// Makes one service, with one instance that does what the script says.
    pub(crate) async fn serves<F>(&self, script: impl Fn(Conn) -> F + Send + Sync + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let target = self.server(script).await;
        self.apply(&[("users", true, &[(1, target)])]).await;
    }

    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(TaskKind::Work("test"), work);
    }
}

fn upstream((name, has_been_healthy, endpoints): &Service<'_>) -> Arc<Upstream> {
    let endpoint =
        |(run, target): &(u64, Target)| Endpoint { instance: id(name, *run), target: target.clone(), side: Side::Old };
    Arc::new(Upstream {
        has_been_healthy: *has_been_healthy,
        adaptive_concurrency: AdaptiveConcurrency::Switch(true),
        endpoints: endpoints.iter().map(endpoint).collect(),
        ..Upstream::default()
    })
}
