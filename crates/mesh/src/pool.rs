//! Connections to one instance, in one worker: the last one used is used first. How many there are is bounded over all workers.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use model::Timestamp;
use tokio::time::timeout;

use crate::{
    instance::{Instance, Local},
    socket::Socket,
    worker::Worker,
};

/// The most idle connections that a worker keeps to an instance.
const IDLE_MAX: usize = 512;

/// A connection to an instance, counted until it is dropped.
pub(crate) struct Upstream {
    pub(crate) socket: Socket,
    instance: Arc<Instance>,
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.instance.connections.leave(u32::MAX);
    }
}

/// Room for one connection.
pub(crate) struct Reserved(Option<Arc<Instance>>);

impl Reserved {
    /// Counts a connection before it is made, unless there are `max`.
    pub(crate) fn new(instance: &Arc<Instance>, max: u32) -> Option<Self> {
        instance.connections.try_enter(max).then(|| Self::entered(instance))
    }

    /// One that is counted already.
    pub(crate) fn entered(instance: &Arc<Instance>) -> Self {
        Self(Some(instance.clone()))
    }

    pub(crate) fn fill(mut self, socket: Socket) -> Upstream {
        let instance = self.0.take().expect("it is filled once");
        Upstream { socket, instance }
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        if let Some(instance) = &self.0 {
            instance.connections.leave(u32::MAX);
        }
    }
}

/// Idle connections, the longest idle first.
#[derive(Default)]
pub(crate) struct Pool {
    idle: RefCell<Vec<Idle>>,
    /// Whether a task waits for them to expire.
    watched: Cell<bool>,
}

struct Idle {
    upstream: Upstream,
    expires: Timestamp,
}

impl Pool {
    /// A connection that its peer has not closed, as far as we know.
    pub(crate) fn take(&self, now: Timestamp) -> Option<Upstream> {
        let mut idle = self.idle.borrow_mut();
        while let Some(last) = idle.pop() {
            if last.expires <= now {
                idle.clear();
            } else if last.upstream.socket.is_quiet() {
                return Some(last.upstream);
            }
        }
        None
    }

    /// Closes all of them.
    pub(crate) fn close(&self) {
        self.idle.borrow_mut().clear();
    }

    /// Closes the one that was idle the longest, if there is one.
    fn close_oldest(&self) -> bool {
        let mut idle = self.idle.borrow_mut();
        !idle.is_empty() && idle.drain(..1).next().is_some()
    }

    fn close_expired(&self, now: Timestamp) -> Option<Timestamp> {
        let mut idle = self.idle.borrow_mut();
        let expired = idle.partition_point(|one| one.expires <= now);
        idle.drain(..expired);
        idle.first().map(|one| one.expires)
    }
}

/// Keeps a connection that a request in flight leaves for the next one, for so long at the most, unless the instance has left, there are
/// enough, or somebody gets in where it is closed.
pub(crate) fn keep(worker: &Rc<Worker>, local: &Rc<Local>, upstream: Upstream, limit: Duration) {
    let mut idle = local.pool.idle.borrow_mut();
    if !local.serving.get() || idle.len() >= IDLE_MAX || local.shared.wants_idle(1) {
        return;
    }
    idle.push(Idle { upstream, expires: worker.recent() + limit });
    drop(idle);
    if !local.pool.watched.replace(true) {
        worker.spawn(close_when_expired(worker.clone(), local.clone(), limit));
    }
}

async fn close_when_expired(worker: Rc<Worker>, local: Rc<Local>, limit: Duration) {
    let mut wait = Some(limit);
    while let Some(time) = wait {
        let wanted = local.shared.wanted.notified();
        while local.shared.wants_idle(0) && local.pool.close_oldest() {}
        let _ = timeout(time, wanted).await;
        let now = worker.now();
        wait = local.pool.close_expired(now).map(|expires| expires.since(now));
    }
    local.pool.watched.set(false);
}
