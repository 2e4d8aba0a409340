//! The wiring: the only place that names engines.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    os::{fd::OwnedFd, unix::net::UnixListener as StdUnixListener},
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context as _;
use cli::settings::Environment;
use control::Engines;
use mesh::{Mesh, MeshConfig, TlsConfig};
use model::spec::{System, Tls};
use ports::{
    clock::{Clock, HostClock},
    keeper::{Keeper, KeeperError, ListenAddress, SOCKET_PATH_BYTES_MAX},
    messages::Messages,
    streams::{Expect, KeyValue},
    tasks::{TaskKind, Tasks},
    wall_clock::WallClock,
    workloads::WorkloadEvents,
};
use runtime::{Inventory, KeeperClient, KeeperEvents, Runtime, RuntimeConfig};
use streams::Buckets;
use tokio::net::UnixListener;

use crate::{messages, state::State};

/// The bucket of what belongs to the host rather than to the system.
const HOST_BUCKET: &str = "host";
/// Where the port of connection addresses is looked for: below the kernel's own range.
const CONNECTION_PORTS: std::ops::Range<u16> = 20_000..32_000;
/// How many ports are tried before giving up.
const PORT_TRIES: u32 = 100;

/// The engines of one platform process.
pub(crate) struct Started {
    pub(crate) engines: Engines,
    /// The time of messages and lines of logs.
    pub(crate) wall_clock: Arc<dyn Clock>,
    pub(crate) events: WorkloadEvents,
    /// Serves topics and buckets, if that is in this process.
    pub(crate) messages: Option<Arc<dyn Messages>>,
    pub(crate) mesh: Arc<Mesh>,
    pub(crate) api: UnixListener,
    pub(crate) sockets: PathBuf,
    pub(crate) connection_port: u16,
    pub(crate) keeper_pid: u32,
    /// Whether an earlier platform process of the same keeper ran.
    pub(crate) resumed: bool,
}

/// The keeper, and what it held.
pub(crate) struct Connected {
    pub(crate) keeper: Arc<KeeperClient>,
    inventory: Inventory,
    events: KeeperEvents,
}

impl Connected {
    /// Whether an earlier platform process of the same keeper ran.
    pub(crate) fn is_resumed(&self) -> bool {
        self.inventory.generation > 1
    }
}

/// Greets the keeper that started this process.
pub(crate) async fn connect(tasks: &Tasks) -> anyhow::Result<Connected> {
    let (keeper, inventory, events) = runtime::connect(keeper::PLATFORM_FD, tasks).await?;
    Ok(Connected { keeper, inventory, events })
}

/// Starts every engine.
#[allow(clippy::too_many_arguments, reason = "it is called once, with what was found")]
pub(crate) async fn start(
    connected: Connected,
    buckets: Arc<Buckets>,
    system: &System,
    folder: &Path,
    state: &State,
    environment: &Environment,
    tasks: &Tasks,
) -> anyhow::Result<Started> {
    let streams: Arc<dyn KeyValue> = buckets.clone();
    let id = system_id(&streams).await?;
    let sockets = runtime::run_folder(&state.0, &id, runtime_dir(environment)).context("no folder for sockets")?;
    let (keeper_pid, resumed) = (connected.inventory.pid, connected.is_resumed());
    let clock = clock(&streams, resumed).await?;
    if !resumed {
        remove_files(&sockets);
    }
    let held = connected.inventory.sockets.keys().cloned().collect();
    let Connected { keeper, inventory, events } = connected;
    let api = api_socket(&*keeper, state, &sockets).await?;
    let (connections, connection_port) = connection_socket(&*keeper, &streams).await?;
    let gateway = match &system.gateway {
        Some(gateway) => Some(bind(&*keeper, "gateway", gateway.listen, None).await?),
        None => None,
    };
    let config = RuntimeConfig::new(state.logs(), format!("{}-{id}", system.name));
    let wall_clock: Arc<dyn Clock> = Arc::new(WallClock::new(clock.clone()));
    let (runtime, events) =
        Runtime::start(config, keeper.clone(), inventory, events, wall_clock.clone(), tasks.clone());
    let messages::Started { server, streams: service_streams } =
        messages::start(&buckets, system, folder, clock.clone(), resumed).await?;
    let mesh = MeshConfig {
        gateway,
        connections: vec![connections],
        keeper: Some(keeper),
        held,
        access_log: Some(state.logs().join("access.log")),
        identities: Some(runtime.clone()),
        messages: server.clone(),
        tls: certificate(system, folder, state),
        ..MeshConfig::default()
    };
    let mesh = Mesh::start(mesh, clock.clone()).await?;
    tasks.spawn(TaskKind::Loop("certificate"), mesh.watch_certificate());
    let engines = Engines {
        workloads: runtime.clone(),
        logs: runtime,
        traffic: mesh.clone(),
        probes: mesh.clone(),
        streams,
        messages: Some(service_streams),
        clock,
        tasks: tasks.clone(),
    };
    let messages = server;
    Ok(Started { engines, wall_clock, events, messages, mesh, api, sockets, connection_port, keeper_pid, resumed })
}

/// Where the gateway's certificate comes from, if it has one.
pub(crate) fn certificate(system: &System, folder: &Path, state: &State) -> Option<TlsConfig> {
    Some(match system.gateway.as_ref()?.tls.as_ref()? {
        Tls::Files { cert, key } => TlsConfig::Files { certificate: folder.join(cert), key: folder.join(key) },
        Tls::Development => TlsConfig::Development { folder: state.certificates() },
    })
}

/// Eight hexadecimal digits that tell this system from others on the host; made once.
async fn system_id(streams: &Arc<dyn KeyValue>) -> anyhow::Result<String> {
    if let Some(entry) = streams.get(HOST_BUCKET, "id").await? {
        return Ok(String::from_utf8(entry.value)?);
    }
    let id = format!("{:08x}", fastrand::u32(..));
    streams.put(HOST_BUCKET, "id", id.clone().into_bytes(), Expect::Absent).await?;
    Ok(id)
}

/// The time, which goes on from one platform process of a keeper to the next.
async fn clock(streams: &Arc<dyn KeyValue>, resumed: bool) -> anyhow::Result<Arc<dyn Clock>> {
    let earlier = streams.get(HOST_BUCKET, "clock").await?.filter(|_| resumed);
    if let Some(anchor) = earlier.and_then(|entry| serde_json::from_slice(&entry.value).ok()) {
        return Ok(Arc::new(HostClock::resume(&anchor)));
    }
    let clock = HostClock::start();
    streams.put(HOST_BUCKET, "clock", serde_json::to_vec(&clock.anchor())?, Expect::Any).await?;
    Ok(Arc::new(clock))
}

fn runtime_dir(environment: &Environment) -> Option<PathBuf> {
    environment.variables.get(Path::new("XDG_RUNTIME_DIR").as_os_str()).map(PathBuf::from)
}

/// What a keeper that was killed left in its folder: nobody answers there any more.
fn remove_files(folder: &Path) {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.for_each(|entry| _ = std::fs::remove_file(entry.path()));
}

/// The socket of the control API: in the state folder, or linked from there where the path would be too long.
async fn api_socket(keeper: &dyn Keeper, state: &State, sockets: &Path) -> anyhow::Result<UnixListener> {
    let name = state.0.join("api.sock");
    let is_short = name.as_os_str().len() <= SOCKET_PATH_BYTES_MAX;
    let path = if is_short { name.clone() } else { sockets.join("api.sock") };
    let socket = keeper.bind("api", ListenAddress::Unix { path: path.clone() }).await.context("the control API")?;
    if !is_short {
        let _ = std::fs::remove_file(&name);
        std::os::unix::fs::symlink(path, name)?;
    }
    let listener = StdUnixListener::from(socket);
    listener.set_nonblocking(true)?;
    Ok(UnixListener::from_std(listener)?)
}

/// One socket for all connection addresses: every loopback address, on a port that is kept.
async fn connection_socket(keeper: &dyn Keeper, streams: &Arc<dyn KeyValue>) -> anyhow::Result<(OwnedFd, u16)> {
    let kept = streams.get(HOST_BUCKET, "connection-port").await?;
    let mut port = kept.and_then(|entry| String::from_utf8(entry.value).ok()?.parse().ok());
    for _ in 0..PORT_TRIES {
        let candidate = port.take().unwrap_or_else(|| fastrand::u16(CONNECTION_PORTS));
        let address = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), candidate);
        match bind(keeper, "connections", address, Some("lo")).await {
            Ok(socket) => {
                let text = candidate.to_string().into_bytes();
                streams.put(HOST_BUCKET, "connection-port", text, Expect::Any).await?;
                return Ok((socket, candidate));
            }
            Err(KeeperError::Refused(refusal)) if refusal.step == "bind" => {}
            Err(error) => return Err(error).context("the addresses of connections"),
        }
    }
    anyhow::bail!("no port from 20000 to 31999 is free for the addresses of connections")
}

async fn bind(
    keeper: &dyn Keeper,
    name: &str,
    address: SocketAddr,
    device: Option<&str>,
) -> Result<OwnedFd, KeeperError> {
    keeper.bind(name, ListenAddress::Tcp { address, device: device.map(str::to_owned) }).await
}
