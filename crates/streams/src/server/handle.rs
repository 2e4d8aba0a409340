//! Starts the server on a thread of its own, and reaches it from anywhere.

use std::{
    io,
    net::{SocketAddr, TcpListener},
    rc::Rc,
    sync::Arc,
    thread,
    time::Duration,
};

use model::InstanceId;
use ports::clock::Clock;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::{Notify, mpsc, oneshot},
    task::{JoinHandle, LocalSet},
    time::timeout,
};

use super::{Batch, Config, Identity, Service, accept, hub::Hub, monitor, worker::Worker};

/// How many commands may wait for the server's thread.
const COMMANDS_MAX: usize = 1024;
/// The time that clients have to take what waits for them when the server stops.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest pause between the ends of two connections in lame duck mode.
const PAUSE_MAX: Duration = Duration::from_secs(1);

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
pub(crate) struct Bell(Arc<Notify>);

impl Bell {
    /// Never waits. Until the services settle, many rings count as one.
    pub(crate) fn ring(&self) {
        self.0.notify_one();
    }
}

enum Command {
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
    thread::Builder::new().name("nats".into()).spawn(move || {
        LocalSet::new().block_on(&runtime, run(config, services, listeners, clock, seed, inbox));
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

/// What the server's thread is told.
struct Inbox {
    commands: mpsc::Receiver<Command>,
    bell: Bell,
}

impl Inbox {
    /// `None` once nobody can tell it anything any more.
    async fn next(&mut self) -> Option<Command> {
        tokio::select! {
            command = self.commands.recv() => command,
            () = self.bell.0.notified() => Some(Command::Settle),
        }
    }
}

async fn run(
    config: Config,
    services: Vec<Box<dyn Service>>,
    listeners: Listeners,
    clock: Arc<dyn Clock>,
    seed: u64,
    mut inbox: Inbox,
) {
    let hub = Hub::new(config, services, seed, clock.now());
    let worker = Rc::new(Worker::new(hub, clock));
    // They were set up before: what is left is to register them, which fails with the host only.
    let clients = listeners.clients.and_then(|listener| tokio::net::TcpListener::from_std(listener).ok());
    let accepting = clients.map(|listener| tokio::task::spawn_local(accept::accept(worker.clone(), listener)));
    if let Some(listener) = listeners.monitor.and_then(|listener| tokio::net::TcpListener::from_std(listener).ok()) {
        Worker::spawn(monitor::accept(worker.clone(), listener));
    }
    while let Some(command) = inbox.next().await {
        match command {
            Command::Publish(batch) => {
                worker.hub.borrow_mut().publish_batch(&batch, worker.now());
                worker.wake(None);
            }
            Command::Settle => {
                worker.hub.borrow_mut().settle_services(worker.now());
                worker.wake(None);
            }
            Command::Serve { stream, peer, known } => worker.serve(stream, peer, known),
            Command::Socket { socket, known } => {
                let peer = socket.peer_addr().ok();
                // What this thread's poller has no memory for is closed.
                if let Ok(stream) = tokio::net::TcpStream::from_std(socket) {
                    worker.serve(stream, peer, Some(known));
                }
            }
            Command::Reload(config) => {
                worker.hub.borrow_mut().reload(*config);
                worker.wake(None);
            }
            Command::Drain { instance, limit, done } => {
                worker.hub.borrow_mut().drain(&instance, worker.now());
                worker.wake(None);
                let worker = worker.clone();
                Worker::spawn(async move {
                    let _ = timeout(limit, idle(&worker, &instance)).await;
                    let _ = done.send(());
                });
            }
            Command::Retire(done) => {
                close(&worker, accepting.as_ref());
                let worker = worker.clone();
                Worker::spawn(async move {
                    retire(&worker).await;
                    let _ = done.send(());
                });
            }
            Command::Stop(done) => {
                close(&worker, accepting.as_ref());
                end_all(&worker).await;
                let _ = done.send(());
                return;
            }
        }
    }
}

async fn idle(worker: &Worker, instance: &InstanceId) {
    while worker.hub.borrow().is_busy(instance) {
        worker.turned.notified().await;
    }
}

/// Lets nobody in any more.
fn close(worker: &Worker, accepting: Option<&JoinHandle<()>>) {
    worker.closed.set(true);
    if let Some(accepting) = accepting {
        accepting.abort();
    }
}

async fn retire(worker: &Worker) {
    let (time, grace) = {
        let hub = worker.hub.borrow();
        (hub.config().lame_duck, hub.config().lame_duck_grace)
    };
    worker.hub.borrow_mut().announce_end();
    worker.wake(None);
    let _ = timeout(grace, all_gone(worker)).await;
    let keys = worker.hub.borrow().keys();
    let count = u32::try_from(keys.len()).unwrap_or(u32::MAX).max(1);
    let pause = (time.saturating_sub(grace) / count).min(PAUSE_MAX);
    for key in keys {
        worker.hub.borrow_mut().end(key);
        worker.wake(None);
        let _ = timeout(pause, all_gone(worker)).await;
    }
    end_all(worker).await;
}

async fn end_all(worker: &Worker) {
    let keys = worker.hub.borrow().keys();
    keys.into_iter().for_each(|key| worker.hub.borrow_mut().end(key));
    worker.wake(None);
    let _ = timeout(STOP_TIMEOUT, all_gone(worker)).await;
}

async fn all_gone(worker: &Worker) {
    while worker.hub.borrow().clients() > 0 {
        worker.gone.notified().await;
    }
}
