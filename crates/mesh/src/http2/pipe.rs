//! The way out of one stream: pieces of a body within the peer's windows and the connection's queue.

use std::{
    cell::RefCell,
    future::poll_fn,
    rc::Rc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use h2::{Reason, SendStream};
use http::HeaderMap;

use super::{
    body::{NotSent, Sink},
    chunk::{Chunk, PIECE_MAX, Queue},
};

/// The largest end of a body that is handed over without asking for the peer's windows: it waits in the connection's queue. How
/// many wait is bounded, as a stream counts as one until its end is sent.
const AT_ONCE_MAX: usize = 1024;

/// The way out of one stream.
pub(super) struct Pipe {
    stream: RefCell<SendStream<Chunk>>,
    queue: Rc<Queue>,
}

impl Pipe {
    pub(super) fn new(stream: SendStream<Chunk>, queue: Rc<Queue>) -> Self {
        Self { stream: RefCell::new(stream), queue }
    }

    /// Ready when the peer has reset the stream, or the connection has ended.
    pub(super) fn poll_reset(&self, context: &mut Context<'_>) -> Poll<()> {
        self.stream.borrow_mut().poll_reset(context).map(drop)
    }

    pub(super) fn reset(&self, reason: Reason) {
        self.stream.borrow_mut().send_reset(reason);
    }

    /// Ends when so many bytes or fewer may be sent; returns how many.
    async fn capacity(&self, wanted: usize) -> Result<usize, NotSent> {
        self.stream.borrow_mut().reserve_capacity(wanted);
        poll_fn(|context| {
            let mut stream = self.stream.borrow_mut();
            loop {
                if stream.capacity() > 0 {
                    return Poll::Ready(Ok(stream.capacity().min(wanted)));
                }
                match ready!(stream.poll_capacity(context)) {
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => return Poll::Ready(Err(NotSent::default())),
                }
            }
        })
        .await
    }
}

impl Sink for &Pipe {
    const WITH_HEAD: bool = false;

    async fn send(&mut self, mut piece: Bytes, last: bool) -> Result<(), NotSent> {
        if last && piece.len() <= AT_ONCE_MAX && self.queue.has_room() {
            let part = Chunk::new(piece, &self.queue);
            return self.stream.borrow_mut().send_data(part, true).map_err(|_| NotSent::default());
        }
        while !piece.is_empty() {
            self.queue.room().await;
            let count = self.capacity(piece.len().min(PIECE_MAX)).await?;
            let part = Chunk::new(piece.split_to(count), &self.queue);
            let ends = last && piece.is_empty();
            self.stream.borrow_mut().send_data(part, ends).map_err(|_| NotSent::default())?;
        }
        Ok(())
    }

    async fn finish(&mut self, trailers: Option<HeaderMap>) -> Result<(), NotSent> {
        let mut stream = self.stream.borrow_mut();
        let sent = match trailers {
            Some(trailers) => stream.send_trailers(trailers),
            None => stream.send_data(Chunk::new(Bytes::new(), &self.queue), true),
        };
        sent.map_err(|_| NotSent::default())
    }
}
