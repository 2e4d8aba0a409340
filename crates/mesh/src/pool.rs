//! Idle connections to one instance, in one worker: the last one used is used first.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use model::Timestamp;

use crate::{instance::Local, socket::Socket, worker::Worker};

/// Idle connections, the longest idle first.
#[derive(Default)]
pub(crate) struct Pool {
    idle: RefCell<Vec<Idle>>,
    /// Whether a task waits for them to expire.
    watched: Cell<bool>,
}

struct Idle {
    socket: Socket,
    expires: Timestamp,
}

impl Pool {
    /// A connection that its peer has not closed, as far as we know.
    pub(crate) fn take(&self, now: Timestamp) -> Option<Socket> {
        let mut idle = self.idle.borrow_mut();
        while let Some(last) = idle.pop() {
            if last.expires <= now {
                idle.clear();
            } else if last.socket.is_quiet() {
                return Some(last.socket);
            }
        }
        None
    }

    /// Closes all of them.
    pub(crate) fn close(&self) {
        self.idle.borrow_mut().clear();
    }

    fn close_expired(&self, now: Timestamp) -> Option<Timestamp> {
        let mut idle = self.idle.borrow_mut();
        let expired = idle.partition_point(|one| one.expires <= now);
        idle.drain(..expired);
        idle.first().map(|one| one.expires)
    }
}

/// Keeps a connection for the next request, unless the instance has left or there are enough.
pub(crate) fn keep(worker: &Rc<Worker>, local: &Rc<Local>, socket: Socket) {
    let mut idle = local.pool.idle.borrow_mut();
    if !local.serving.get() || idle.len() >= worker.limits.upstream_idle_max {
        return;
    }
    idle.push(Idle { socket, expires: worker.clock.now() + worker.limits.upstream_idle });
    drop(idle);
    if !local.pool.watched.replace(true) {
        worker.spawn(close_when_expired(worker.clone(), local.clone()));
    }
}

async fn close_when_expired(worker: Rc<Worker>, local: Rc<Local>) {
    let mut wait = Some(worker.limits.upstream_idle);
    while let Some(time) = wait {
        tokio::time::sleep(time).await;
        let now = worker.clock.now();
        wait = local.pool.close_expired(now).map(|expires| expires.since(now));
    }
    local.pool.watched.set(false);
}
