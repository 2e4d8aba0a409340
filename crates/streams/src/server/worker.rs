//! What the tasks of the server's thread share.

use std::{
    cell::{Cell, RefCell},
    net::SocketAddr,
    rc::Rc,
    sync::Arc,
    task::Waker,
};

use model::Timestamp;
use ports::clock::Clock;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::Notify,
};

use super::{
    Identity, connection,
    hub::{Closing, Hub},
};

/// How much is read from a client at once.
const READ_BYTES: usize = 128 << 10;

/// What the tasks of the server's thread share.
pub(super) struct Worker {
    pub(super) hub: RefCell<Hub>,
    /// What was just read from a client: nothing of it is left in here when its task pauses.
    pub(super) input: RefCell<Vec<u8>>,
    /// Told when something has happened.
    pub(super) turned: Notify,
    /// Told when a client has gone.
    pub(super) gone: Notify,
    /// Whether new clients are turned away.
    pub(super) closed: Cell<bool>,
    clock: Arc<dyn Clock>,
    wakers: RefCell<Vec<Option<Waker>>>,
    ready: RefCell<Vec<u32>>,
}

impl Worker {
    pub(super) fn new(hub: Hub, clock: Arc<dyn Clock>) -> Self {
        Self {
            hub: RefCell::new(hub),
            input: RefCell::new(vec![0; READ_BYTES]),
            turned: Notify::new(),
            gone: Notify::new(),
            closed: Cell::new(false),
            clock,
            wakers: RefCell::default(),
            ready: RefCell::default(),
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Runs a future on this thread until it ends or the thread does.
    pub(super) fn spawn(future: impl Future<Output = ()> + 'static) {
        tokio::task::spawn_local(future);
    }

    /// Serves a client until it has gone.
    pub(super) fn serve<S>(self: &Rc<Self>, stream: S, peer: Option<SocketAddr>, known: Option<Arc<Identity>>)
    where
        S: AsyncRead + AsyncWrite + Unpin + 'static,
    {
        if self.closed.get() {
            return;
        }
        let seat = Seat::take(self.clone(), peer, known, false);
        Self::spawn(connection::serve(seat, stream));
    }

    /// A client's task is to be woken by this.
    pub(super) fn sleep(&self, key: u32, waker: &Waker) {
        let mut wakers = self.wakers.borrow_mut();
        let key = key as usize;
        if wakers.len() <= key {
            wakers.resize(key + 1, None);
        }
        if !wakers[key].as_ref().is_some_and(|known| known.will_wake(waker)) {
            wakers[key] = Some(waker.clone());
        }
    }

    /// Wakes everybody who has something to do, but for the one whose task asks for this.
    pub(super) fn wake(&self, own: Option<u32>) {
        let mut ready = self.ready.borrow_mut();
        self.hub.borrow_mut().take_ready(&mut ready);
        let wakers = self.wakers.borrow();
        for key in ready.drain(..).filter(|key| Some(*key) != own) {
            if let Some(Some(waker)) = wakers.get(key as usize) {
                waker.wake_by_ref();
            }
        }
        self.turned.notify_waiters();
    }

    /// A client's task ends.
    pub(super) fn leave(&self, key: u32) {
        self.hub.borrow_mut().close(key);
        if let Some(waker) = self.wakers.borrow_mut().get_mut(key as usize) {
            *waker = None;
        }
        self.wake(None);
        self.gone.notify_waiters();
    }
}

/// A client's place in the hub, given up when it is dropped.
pub(super) struct Seat {
    pub(super) worker: Rc<Worker>,
    pub(super) key: u32,
}

impl Seat {
    /// Takes a place; `tls` says whether TLS is spoken or offered there.
    pub(super) fn take(worker: Rc<Worker>, peer: Option<SocketAddr>, known: Option<Arc<Identity>>, tls: bool) -> Self {
        let key = worker.hub.borrow_mut().open(peer, known, tls, worker.now());
        Self { worker, key }
    }

    pub(super) fn closing(&self) -> Option<Closing> {
        self.worker.hub.borrow().closing(self.key)
    }

    /// The client speaks in the clear where it may not.
    pub(super) fn refuse_clear(&self) {
        self.worker.hub.borrow_mut().refuse_clear(self.key);
    }

    /// From now on the client has its time to say who it is.
    pub(super) fn restart_clock(&self) {
        self.worker.hub.borrow_mut().restart_clock(self.key, self.worker.now());
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.worker.leave(self.key);
    }
}
