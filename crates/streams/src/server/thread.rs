//! The server's thread: does what it is told, until the end.

use std::{rc::Rc, sync::Arc, time::Duration};

use model::InstanceId;
use ports::clock::Clock;
use tokio::{sync::mpsc, task::JoinHandle, time::timeout};

use super::{
    Config, Service, accept,
    handle::{Bell, Command, Listeners},
    hub::Hub,
    monitor,
    worker::Worker,
};

/// The time that clients have to take what waits for them when the server stops.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest pause between the ends of two connections in lame duck mode.
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// Where the thread is told what to do.
pub(super) struct Inbox {
    pub(super) commands: mpsc::Receiver<Command>,
    pub(super) bell: Bell,
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

/// Serves until the server is stopped, or nobody can reach it any more.
pub(super) async fn run(
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
