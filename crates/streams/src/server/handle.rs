//! Starts the server on a thread of its own, and reaches it from anywhere.

use std::{
    io,
    net::{SocketAddr, TcpListener},
    sync::Arc,
    time::Duration,
};

use model::InstanceId;
use ports::clock::Clock;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::{Notify, mpsc, oneshot},
    task::LocalSet,
};

use super::{
    Batch, Config, Identity, Service,
    thread::{self, Inbox},
};

/// How many commands may wait for the server's thread.
const COMMANDS_MAX: usize = 1024;

/// A connection that is served: any stream of bytes, TLS for one.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Stream for S {}

/// The sockets that the server accepts from; none of them is needed.
#[derive(Debug, Default)]
pub struct Listeners {
    /// For clients.
    pub clients: Option<TcpListener>,
    /// For the monitoring over HTTP.
    pub monitor: Option<TcpListener>,
}

/// Reaches a running server. The server stops when the last handle is dropped, without a word to its clients.
#[derive(Clone)]
pub struct Handle {
    commands: mpsc::Sender<Command>,
    bell: Bell,
}

/// The server has stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the NATS server has stopped")]
pub struct Stopped;

/// Lets the services of a server settle, from any thread. It does not keep the server running.
#[derive(Debug, Clone, Default)]
pub(crate) struct Bell(pub(super) Arc<Notify>);

impl Bell {
    /// Never waits. Until the services settle, many rings count as one.
    pub(crate) fn ring(&self) {
        self.0.notify_one();
    }
}

/// What the server's thread is told.
pub(super) enum Command {
    Publish(Batch),
    Settle,
    /// A socket that some other thread has accepted.
    Socket {
        socket: std::net::TcpStream,
        known: Arc<Identity>,
    },
    Serve {
        stream: Box<dyn Stream>,
        peer: Option<SocketAddr>,
        known: Option<Arc<Identity>>,
    },
    Reload(Box<Config>),
    Drain {
        instance: InstanceId,
        limit: Duration,
        done: oneshot::Sender<()>,
    },
    Retire(oneshot::Sender<()>),
    Stop(oneshot::Sender<()>),
}

/// Starts a server. The seed chooses members of queue groups.
///
/// # Errors
/// When there is no thread, no runtime, or a socket cannot be used.
pub fn start(
    config: Config,
    services: Vec<Box<dyn Service>>,
    listeners: Listeners,
    clock: Arc<dyn Clock>,
    seed: u64,
) -> io::Result<Handle> {
    let (commands, inbox) = mpsc::channel(COMMANDS_MAX);
    for listener in [&listeners.clients, &listeners.monitor].into_iter().flatten() {
        listener.set_nonblocking(true)?;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let bell = Bell::default();
    let inbox = Inbox { commands: inbox, bell: bell.clone() };
    std::thread::Builder::new().name("nats".into()).spawn(move || {
        LocalSet::new().block_on(&runtime, thread::run(config, services, listeners, clock, seed, inbox));
    })?;
    Ok(Handle { commands, bell })
}

impl Handle {
    /// Publishes messages that no client sent; a request that nobody gets is answered 503. Returns once they are on their way, not
    /// when they have arrived.
    ///
    /// # Errors
    /// When the server has stopped.
    pub async fn publish(&self, batch: Batch) -> Result<(), Stopped> {
        self.commands.send(Command::Publish(batch)).await.map_err(|_| Stopped)
    }

    pub(crate) fn bell(&self) -> Bell {
        self.bell.clone()
    }

    /// Lets the services settle.
    ///
    /// # Errors
    /// When the server has stopped.
    pub(crate) async fn settle(&self) -> Result<(), Stopped> {
        self.commands.send(Command::Settle).await.map_err(|_| Stopped)
    }

    /// Serves a client on this stream. With an identity it need not say who it is.
    ///
    /// # Errors
    /// When the server has stopped.
    pub async fn serve(
        &self,
        stream: impl Stream,
        peer: Option<SocketAddr>,
        known: Option<Arc<Identity>>,
    ) -> Result<(), Stopped> {
        let stream = Box::new(stream);
        self.commands.send(Command::Serve { stream, peer, known }).await.map_err(|_| Stopped)
    }

    /// Serves a client on a socket of any thread, which must not block.
    ///
    /// # Errors
    /// When the server has stopped.
    pub async fn serve_socket(&self, socket: std::net::TcpStream, known: Arc<Identity>) -> Result<(), Stopped> {
        self.commands.send(Command::Socket { socket, known }).await.map_err(|_| Stopped)
    }

    /// Puts other settings into force: see the fields of [`Config`]. The host, the port and the name stay as they are.
    ///
    /// # Errors
    /// When the server has stopped.
    pub async fn reload(&self, config: Config) -> Result<(), Stopped> {
        self.commands.send(Command::Reload(Box::new(config))).await.map_err(|_| Stopped)
    }

    /// Lets the services give nothing new to the clients that are this instance. Returns when they have answered for all that they
    /// got, or after so long.
    pub async fn drain(&self, instance: InstanceId, limit: Duration) {
        let (done, drained) = oneshot::channel();
        if self.commands.send(Command::Drain { instance, limit, done }).await.is_ok() {
            let _ = drained.await;
        }
    }

    /// Lame duck mode: nobody is let in, clients are asked to leave, and after the grace that the settings give, connections are
    /// ended one after the other. Returns when all have gone; [`Handle::stop`] can be called meanwhile.
    pub async fn retire(&self) {
        let (done, retired) = oneshot::channel();
        if self.commands.send(Command::Retire(done)).await.is_ok() {
            let _ = retired.await;
        }
    }

    /// Stops the server: clients get what waits for them, then their connections end. Returns when all have gone, or after 10 s.
    pub async fn stop(&self) {
        let (done, stopped) = oneshot::channel();
        if self.commands.send(Command::Stop(done)).await.is_ok() {
            let _ = stopped.await;
        }
    }
}
