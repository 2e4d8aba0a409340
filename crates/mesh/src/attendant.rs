//! What serves a client while it sends requests. It has the room and the buffers of a whole request, so a quiet client has none; and
//! as making it takes memory, it serves one client after the other.

use std::{
    cell::Cell,
    future::poll_fn,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

use crate::{
    buffer::Scratch,
    client::{self, Left, Visit},
    worker::Worker,
};

/// Serves a client at a time.
pub(crate) struct Attendant {
    work: Pin<Box<dyn Future<Output = ()>>>,
    desk: Rc<Desk>,
}

/// Where clients come to it, and leave.
#[derive(Default)]
struct Desk {
    comes: Cell<Option<(Rc<Worker>, Visit)>>,
    leaves: Cell<Option<Left>>,
}

impl Default for Attendant {
    fn default() -> Self {
        let desk = Rc::<Desk>::default();
        Self { work: Box::pin(work(desk.clone())), desk }
    }
}

impl Attendant {
    /// Serves a client until it is quiet or its connection ends. To be ready for the next one it has to be waited for.
    pub(crate) fn serve(&mut self, worker: Rc<Worker>, visit: Visit) -> impl Future<Output = Left> {
        self.desk.comes.set(Some((worker, visit)));
        poll_fn(|context| self.poll(context))
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Left> {
        let _ = self.work.as_mut().poll(context);
        self.desk.leaves.take().map_or(Poll::Pending, Poll::Ready)
    }
}

/// Nobody wakes it for a client that comes: whoever brings one polls it.
async fn work(desk: Rc<Desk>) {
    let mut scratch = Scratch::default();
    loop {
        let (worker, visit) = poll_fn(|_| desk.comes.take().map_or(Poll::Pending, Poll::Ready)).await;
        let left = client::requests(&worker, visit, &mut scratch).await;
        scratch.clear();
        desk.leaves.set(Some(left));
    }
}
