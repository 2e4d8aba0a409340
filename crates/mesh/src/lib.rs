//! The mesh: carries requests from the gateway and between instances. Implements [`ports::traffic`] and
//! [`ports::probes`].
//!
//! Each worker is a thread with a runtime of its own; what it needs for a request is its own, so nothing is locked on the way.
//! The routing state is a table that is swapped as a whole; its number is the epoch. A request takes this way:
//! `listener` → `crew` → `attest` or, where it is spoken, `tls` → `client` → `exchange` → `hold` → `attempt` → `upload` beside `download`, or `tunnel` after a 101.
//! Decisions are in `logic::route` and `logic::balance`, the protocol is in `wire::http1`.

mod access_log;
mod answer;
mod attempt;
mod attendant;
mod attest;
mod awaited;
mod body;
mod bound;
mod buffer;
mod busy;
mod call;
mod call_sockets;
mod client;
mod compare;
mod config;
mod connect;
mod connection;
mod connections;
mod crew;
mod deadline;
#[cfg(any(test, fuzzing))]
mod differ;
mod download;
mod drain;
mod exchange;
mod failures;
mod figures;
mod find;
mod flow;
mod guard;
mod guests;
mod hedge;
mod hold;
mod http2;
mod instance;
mod line;
mod listener;
mod load;
mod messages;
mod pace;
mod passing;
mod picker;
mod place;
mod pool;
mod probe;
mod problem;
mod rates;
mod record;
mod refused;
mod registry;
mod request_head;
mod retire;
mod retries;
mod retry;
mod signal;
mod socket;
mod split;
mod stream;
mod table;
mod tally;
mod tcp;
mod timer;
mod tls;
mod traffic;
mod tunnel;
mod unix;
mod upload;
mod verdict;
mod view;
mod worker;

use std::{
    io,
    os::fd::OwnedFd,
    sync::{Arc, MutexGuard},
};

use access_log::AccessLog;
use attest::Attestation;
use awaited::Awaited;
use call_sockets::CallSockets;
pub use config::MeshConfig;
use crew::Crew;
#[cfg(any(test, fuzzing))]
pub use differ::check as check_changes;
use listener::{Kind, Listener};
use model::Epoch;
use ports::{clock::Clock, messages::Messages, traffic::Routing};
use refused::Entrances;
use registry::Registry;
use table::Table;
use tls::Door;
pub use tls::{TlsConfig, TlsError, server_settings};
use tokio::sync::{Mutex, oneshot};
use worker::{Command, Handle, Shared};

/// Why a mesh cannot start, or cannot listen.
#[derive(Debug, thiserror::Error)]
pub enum MeshError {
    /// The host gives no thread, poller or descriptor.
    #[error("cannot start a worker of the mesh: {0}")]
    Start(io::Error),
    /// The descriptor is not a listening socket that can be polled.
    #[error("cannot listen on a socket of the mesh: {0}")]
    Listen(io::Error),
    /// The access log cannot be written.
    #[error("cannot write the access log: {0}")]
    AccessLog(io::Error),
    /// There is no certificate for the gateway.
    #[error("the gateway's TLS: {0}")]
    Tls(#[from] TlsError),
    /// A worker has ended.
    #[error("a worker of the mesh has ended")]
    Ended,
}

/// A running mesh. It ends when the last reference is dropped: connections are closed where they stand.
pub struct Mesh {
    workers: Vec<Handle>,
    /// What each of them refused.
    entrances: Vec<Arc<Entrances>>,
    registry: Registry,
    messages: Option<Arc<dyn Messages>>,
    clock: Arc<dyn Clock>,
    failures: Arc<failures::Failures>,
    awaited: Arc<Awaited>,
    notices: Vec<String>,
    /// What the last change of the callers' Unix sockets could not make.
    socket_notice: std::sync::Mutex<Option<String>>,
    door: Option<Arc<Door>>,
    /// The last table that every worker has.
    in_force: std::sync::Mutex<Arc<Table>>,
    /// Held while a table is sent out, so that tables arrive in order.
    current: Mutex<Current>,
    crew: Arc<Crew>,
}

#[derive(Default)]
struct Current {
    /// The last table that was sent out.
    table: Arc<Table>,
    /// Sockets that wait for the first one: until then connections stay in the backlog.
    waiting: Vec<Listener>,
    call_sockets: CallSockets,
}

impl Mesh {
    /// Starts the workers. They listen once a routing state is applied: connections wait in the backlog until then.
    ///
    /// # Errors
    /// When the host gives no thread, poller or descriptor, a socket does not listen, or the certificate cannot be used.
    pub async fn start(config: MeshConfig, clock: Arc<dyn Clock>) -> Result<Arc<Self>, MeshError> {
        let access_log =
            config.access_log.as_deref().map(AccessLog::start).transpose().map_err(MeshError::AccessLog)?;
        let attestation = config.identities.map(Attestation::new);
        let notices = attestation.as_ref().and_then(Attestation::notice).into_iter().collect();
        let door = config.tls.map(|source| Door::open(source, clock.now())).transpose()?.map(Arc::new);
        let (crew, inboxes) = Crew::new(config.workers.max(1));
        let shared = Shared {
            clock: clock.clone(),
            failures: Arc::default(),
            awaited: Arc::default(),
            guests: Arc::default(),
            callers: Arc::default(),
            access_log,
            attestation,
            door: door.clone(),
            messages: config.messages,
            crew,
        };
        let entrances: Vec<Arc<Entrances>> = inboxes.iter().map(|_| Arc::default()).collect();
        let start = |((number, inbox), entrances): (_, &Arc<Entrances>)| {
            worker::start(number, shared.clone(), entrances.clone(), inbox).map_err(MeshError::Start)
        };
        let mesh = Self {
            workers: inboxes.into_iter().enumerate().zip(&entrances).map(start).collect::<Result<_, _>>()?,
            entrances,
            registry: Registry::new(config.workers.max(1)),
            messages: shared.messages.clone(),
            clock,
            failures: shared.failures.clone(),
            awaited: shared.awaited.clone(),
            notices,
            socket_notice: std::sync::Mutex::default(),
            door,
            in_force: std::sync::Mutex::default(),
            current: Mutex::new(Current {
                call_sockets: CallSockets::new(config.keeper, &config.held),
                ..Current::default()
            }),
            crew: shared.crew.clone(),
        };
        for socket in config.connections {
            mesh.listen_connections(socket).await?;
        }
        if let Some(socket) = config.gateway {
            mesh.listen_gateway(socket).await?;
        }
        Ok(Arc::new(mesh))
    }

    /// Takes requests from outside on a listening TCP socket.
    ///
    /// # Errors
    /// When it cannot be polled.
    pub async fn listen_gateway(&self, socket: OwnedFd) -> Result<(), MeshError> {
        self.listen(Kind::Gateway, socket).await
    }

    /// Takes calls of instances on a listening TCP socket. The local address of each accepted connection says which
    /// connection of the routing state it is.
    ///
    /// # Errors
    /// When it cannot be polled.
    pub async fn listen_connections(&self, socket: OwnedFd) -> Result<(), MeshError> {
        self.listen(Kind::Connections, socket).await
    }

    fn in_force(&self) -> MutexGuard<'_, Arc<Table>> {
        self.in_force.lock().expect("no holder of the lock panics")
    }

    async fn listen(&self, kind: Kind, socket: OwnedFd) -> Result<(), MeshError> {
        let listener = Listener::new(kind, socket).map_err(MeshError::Listen)?;
        let mut current = self.current.lock().await;
        if current.table.epoch == Epoch::default() {
            current.waiting.push(listener);
            return Ok(());
        }
        self.attach(&listener).await
    }

    async fn attach(&self, listener: &Listener) -> Result<(), MeshError> {
        for worker in &self.workers {
            let (done, listening) = oneshot::channel();
            let command = Command::Listen(listener.share().map_err(MeshError::Listen)?, done);
            worker.send(command).await.map_err(|_| MeshError::Ended)?;
            listening.await.map_err(|_| MeshError::Ended)?.map_err(MeshError::Listen)?;
        }
        Ok(())
    }

    /// Opens and closes the callers' Unix sockets.
    async fn follow(&self, sockets: &mut CallSockets, routing: &Routing) {
        let Some(mut change) = sockets.follow(&routing.connections).await else { return };
        *self.socket_notice() = change.notice.take();
        let change = Arc::new(change);
        self.tell_all(|done| Command::CallSockets(change.clone(), done)).await;
    }

    fn socket_notice(&self) -> MutexGuard<'_, Option<String>> {
        self.socket_notice.lock().expect("no holder of the lock panics")
    }

    /// Tells every worker, and waits until each has done it. A worker that has ended does nothing any more, so it has.
    async fn tell_all(&self, command: impl Fn(oneshot::Sender<()>) -> Command) {
        let mut awaited = Vec::with_capacity(self.workers.len());
        for worker in &self.workers {
            let (done, finished) = oneshot::channel();
            let _ = worker.send(command(done)).await;
            awaited.push(finished);
        }
        for finished in awaited {
            let _ = finished.await;
        }
    }
}
