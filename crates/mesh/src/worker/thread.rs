//! A worker's thread: does what it is told, until the end.

use std::{
    io,
    rc::Rc,
    sync::{Arc, mpsc::sync_channel},
};

use model::InstanceId;
use tokio::{
    runtime::{Builder, LocalOptions, LocalRuntime},
    sync::{mpsc, oneshot},
};

use super::{Shared, Worker};
use crate::{
    attest::Attestation,
    call_sockets::Change,
    crew::Inbox,
    listener::{self, Listener},
    refused::Entrances,
    table::Table,
};

/// How many commands may wait for a worker.
const COMMANDS_MAX: usize = 64;

/// What a worker is told. Each is acknowledged when it is in force.
pub(crate) enum Command {
    Apply(Arc<Table>, oneshot::Sender<()>),
    /// Cuts off the requests in flight to an instance.
    Cut(InstanceId, oneshot::Sender<()>),
    Listen(Listener, oneshot::Sender<io::Result<()>>),
    CallSockets(Arc<Change>, oneshot::Sender<()>),
    /// Accepts nothing more, and tells every client with its next answer that it was the last one here.
    Retire(oneshot::Sender<()>),
}

/// A running worker; it ends when this is dropped.
pub(crate) type Handle = mpsc::Sender<Command>;

/// Starts a worker.
///
/// # Errors
/// When the host gives no thread or no poller.
pub(crate) fn start(number: usize, shared: Shared, entrances: Arc<Entrances>, inbox: Inbox) -> io::Result<Handle> {
    let (handle, commands) = mpsc::channel(COMMANDS_MAX);
    let attestor = shared.attestation.as_ref().map(Attestation::attestor).transpose()?;
    let (tell, made) = sync_channel(1);
    // A runtime of one thread is made there.
    let run = move || match Builder::new_current_thread().enable_io().enable_time().build_local(LocalOptions::default())
    {
        Ok(runtime) => {
            let _ = tell.send(Ok(()));
            let worker = Worker::new(number, shared, attestor, entrances);
            run(&runtime, Rc::new(worker), commands, inbox);
        }
        Err(error) => {
            let _ = tell.send(Err(error));
        }
    };
    std::thread::Builder::new().name(format!("mesh-{number}")).spawn(run)?;
    made.recv().map_err(io::Error::other)??;
    Ok(handle)
}

fn run(runtime: &LocalRuntime, worker: Rc<Worker>, commands: mpsc::Receiver<Command>, inbox: Inbox) {
    runtime.block_on(async {
        worker.spawn(listener::take_over(worker.clone(), inbox));
        obey(worker, commands).await;
    });
}

async fn obey(worker: Rc<Worker>, mut commands: mpsc::Receiver<Command>) {
    while let Some(command) = commands.recv().await {
        match command {
            Command::Apply(table, done) => {
                worker.apply(table);
                let _ = done.send(());
            }
            Command::Cut(instance, done) => {
                worker.cut(&instance);
                let _ = done.send(());
            }
            Command::Listen(listener, done) => {
                let _ = done.send(listener::start(&worker, listener));
            }
            Command::Retire(done) => {
                worker.retire().await;
                let _ = done.send(());
            }
            Command::CallSockets(change, done) => {
                worker.follow(&change);
                let _ = done.send(());
            }
        }
    }
}

impl Worker {
    /// From here on no request is sent to an instance that the table does not name, and no connection to it is kept.
    fn apply(&self, table: Arc<Table>) {
        let mut locals = self.locals.borrow_mut();
        let next = self.view().next(table, &mut locals, self.number, self.clock.now());
        *self.view.borrow_mut() = Rc::new(next);
        locals.release();
        drop(locals);
        self.changed.fire();
    }

    async fn retire(&self) {
        self.retiring.set(true);
        let sockets = self.call_sockets.take().into_values();
        for accepting in self.listening.take().into_iter().chain(sockets) {
            accepting.abort();
            // Its socket is closed when it has ended.
            let _ = accepting.await;
        }
        self.changed.fire();
    }

    /// A worker that cannot poll a socket has no descriptors left; the others take its connections.
    fn follow(self: &Rc<Self>, change: &Change) {
        let mut sockets = self.call_sockets.borrow_mut();
        for address in &change.closed {
            let _ = sockets.remove(address).map(|accepting| accepting.abort());
        }
        for (address, socket) in &change.opened {
            if let Ok(accepting) = listener::start_calls(self, *address, socket) {
                sockets.insert(*address, accepting);
            }
        }
    }

    fn cut(&self, instance: &InstanceId) {
        let local = self.locals.borrow().get(instance).cloned();
        if let Some(local) = local {
            local.cut.fire();
        }
    }
}
