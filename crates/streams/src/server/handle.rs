//! Starts the server on a thread of its own, and reaches it from anywhere.

use std::{
    io,
    net::{SocketAddr, TcpListener},
    rc::Rc,
    sync::Arc,
    thread,
    time::Duration,
};

use ports::clock::Clock;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::{mpsc, oneshot},
    task::LocalSet,
    time::timeout,
};

use super::{Batch, Config, Identity, Service, accept, hub::Hub, monitor, worker::Worker};

/// How many commands may wait for the server's thread.
const COMMANDS_MAX: usize = 1024;
/// The time that clients have to take what waits for them when the server stops.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

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
}

/// The server has stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the NATS server has stopped")]
pub struct Stopped;

/// Reaches a running server from a thread that may wait, and does not keep it running.
pub(crate) struct Postman {
    commands: mpsc::WeakSender<Command>,
}

impl Postman {
    /// Lets the services settle.
    ///
    /// # Errors
    /// When the server has stopped.
    pub(crate) fn wake(&self) -> Result<(), Stopped> {
        let commands = self.commands.upgrade().ok_or(Stopped)?;
        commands.blocking_send(Command::Settle).map_err(|_| Stopped)
    }
}

enum Command {
    Publish(Batch),
    Settle,
    Serve { stream: Box<dyn Stream>, peer: Option<SocketAddr>, known: Option<Arc<Identity>> },
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
    thread::Builder::new().name("nats".into()).spawn(move || {
        LocalSet::new().block_on(&runtime, run(config, services, listeners, clock, seed, inbox));
    })?;
    Ok(Handle { commands })
}

impl Handle {
    /// Publishes messages, as if they came from a service. Returns once they are on their way, not when they have arrived.
    ///
    /// # Errors
    /// When the server has stopped.
    pub async fn publish(&self, batch: Batch) -> Result<(), Stopped> {
        self.commands.send(Command::Publish(batch)).await.map_err(|_| Stopped)
    }

    pub(crate) fn postman(&self) -> Postman {
        Postman { commands: self.commands.downgrade() }
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

    /// Stops the server: clients are asked to leave and get the time for it that the settings give, then they get what waits for
    /// them, then their connections end. Returns when all have gone, or after another 10 s.
    pub async fn stop(&self) {
        let (done, stopped) = oneshot::channel();
        if self.commands.send(Command::Stop(done)).await.is_ok() {
            let _ = stopped.await;
        }
    }
}

async fn run(
    config: Config,
    services: Vec<Box<dyn Service>>,
    listeners: Listeners,
    clock: Arc<dyn Clock>,
    seed: u64,
    mut inbox: mpsc::Receiver<Command>,
) {
    let hub = Hub::new(config, services, seed, clock.now());
    let worker = Rc::new(Worker::new(hub, clock));
    // They were set up before: what is left is to register them, which fails with the host only.
    let clients = listeners.clients.and_then(|listener| tokio::net::TcpListener::from_std(listener).ok());
    let accepting = clients.map(|listener| tokio::task::spawn_local(accept::accept(worker.clone(), listener)));
    if let Some(listener) = listeners.monitor.and_then(|listener| tokio::net::TcpListener::from_std(listener).ok()) {
        Worker::spawn(monitor::accept(worker.clone(), listener));
    }
    while let Some(command) = inbox.recv().await {
        match command {
            Command::Publish(batch) => {
                worker.hub.borrow_mut().publish_batch(&batch);
                worker.wake(None);
            }
            Command::Settle => {
                worker.hub.borrow_mut().settle_services();
                worker.wake(None);
            }
            Command::Serve { stream, peer, known } => worker.serve(stream, peer, known),
            Command::Stop(done) => {
                worker.closed.set(true);
                if let Some(accepting) = accepting {
                    accepting.abort();
                }
                stop(&worker).await;
                let _ = done.send(());
                return;
            }
        }
    }
}

async fn stop(worker: &Worker) {
    let lame_duck = worker.hub.borrow().config().lame_duck;
    if !lame_duck.is_zero() {
        worker.hub.borrow_mut().announce_end();
        worker.wake(None);
        let _ = timeout(lame_duck, all_gone(worker)).await;
    }
    worker.hub.borrow_mut().end();
    worker.wake(None);
    let _ = timeout(STOP_TIMEOUT, all_gone(worker)).await;
}

async fn all_gone(worker: &Worker) {
    while worker.hub.borrow().clients() > 0 {
        worker.gone.notified().await;
    }
}
