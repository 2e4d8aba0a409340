//! The tasks that serve streams, one stream after the other: a stream that finds an idle one takes no memory of its own.

use std::{
    cell::{Cell, RefCell},
    future::poll_fn,
    rc::Rc,
    task::{Poll, Waker},
};

use h2::{RecvStream, server::SendResponse};
use http::Request;

use super::{chunk::Chunk, serve::Place, stream};
use crate::{timer::Timer, worker::Worker};

/// How many tasks of a worker wait for a stream at the most.
const IDLE_MAX: usize = 256;

/// The tasks that wait for a stream; the last one is the first to get one.
#[derive(Default)]
pub(crate) struct Hands(RefCell<Vec<Rc<Hand>>>);

/// A request that a client has sent.
pub(super) struct Job {
    pub(super) place: Place,
    pub(super) request: Request<RecvStream>,
    pub(super) respond: SendResponse<Chunk>,
}

/// A task that waits.
#[derive(Default)]
struct Hand {
    job: Cell<Option<Job>>,
    waker: Cell<Option<Waker>>,
}

/// Has a task serve it.
pub(super) fn serve(worker: &Rc<Worker>, job: Job) {
    let idle = worker.hands.0.borrow_mut().pop();
    match idle {
        Some(hand) => {
            hand.job.set(Some(job));
            hand.waker.take().into_iter().for_each(Waker::wake);
        }
        // Boxed: a task is moved several times before it runs.
        None => worker.spawn(Box::pin(work(worker.clone(), job))),
    }
}

async fn work(worker: Rc<Worker>, job: Job) {
    let (hand, timer) = (Rc::<Hand>::default(), Timer::default());
    let mut job = Some(job);
    while let Some(now) = job {
        stream::serve(&worker, &timer, now).await;
        job = next(&worker, &hand).await;
    }
}

/// The next request; `None` if there are enough tasks that wait for one.
async fn next(worker: &Worker, hand: &Rc<Hand>) -> Option<Job> {
    {
        let mut idle = worker.hands.0.borrow_mut();
        if idle.len() >= IDLE_MAX {
            return None;
        }
        idle.push(hand.clone());
    }
    poll_fn(|context| match hand.job.take() {
        Some(job) => Poll::Ready(Some(job)),
        None => {
            hand.waker.set(Some(context.waker().clone()));
            Poll::Pending
        }
    })
    .await
}
