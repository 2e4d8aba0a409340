//! The task of one client: moves bytes between its stream and the hub.

use std::{
    future::poll_fn,
    io::IoSlice,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
    time::Duration,
};

use model::Timestamp;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf},
    time::{Instant, Sleep, sleep, timeout},
};

use super::{
    hub::{Closing, SLICES_MAX},
    worker::{Seat, Worker},
};

/// How often a client is read and written before others have their turn.
const ROUNDS: u32 = 4;
/// What is left of a read is put before the next one, up to this size; more is gathered apart.
const LEFT_BYTES_MAX: usize = 32 << 10;
/// How long a client that is told to go may take nothing of what it is told, and how long it may go on talking then.
const LINGER: Duration = Duration::from_secs(2);

struct Connection<S> {
    worker: Rc<Worker>,
    key: u32,
    /// Until the connection has ended.
    _seat: Seat,
    stream: S,
    /// What was written is still on its way through the stream.
    is_flushing: bool,
    /// What has been read of an operation that is not whole.
    left: Vec<u8>,
    needed: usize,
    timer: Pin<Box<Sleep>>,
    timer_at: Timestamp,
}

/// Serves a client until it has gone.
pub(super) async fn serve<S: AsyncRead + AsyncWrite + Unpin>(seat: Seat, stream: S) {
    let (timer, timer_at) = (Box::pin(sleep(Duration::ZERO)), seat.worker.now());
    let (worker, key, left, needed, is_flushing) = (seat.worker.clone(), seat.key, Vec::new(), 1, false);
    let mut connection = Connection { worker, key, _seat: seat, stream, is_flushing, left, needed, timer, timer_at };
    poll_fn(|cx| connection.poll(cx)).await;
    let closing = connection.worker.hub.borrow().closing(key);
    if matches!(closing, Some(Closing::Refused | Closing::Shutdown)) {
        // A stream that is dropped with something unread is reset, and what was said last would be lost.
        let _ = timeout(LINGER, connection.say_goodbye()).await;
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.worker.sleep(self.key, cx.waker());
        for _ in 0..ROUNDS {
            let is_blocked = self.write(cx);
            let closing = self.worker.hub.borrow().closing(self.key);
            match closing {
                Some(Closing::Refused | Closing::Shutdown) if is_blocked => return self.poll_timer(cx),
                Some(_) => return Poll::Ready(()),
                None => {}
            }
            if self.poll_timer(cx).is_ready() {
                continue;
            }
            if self.worker.hub.borrow().is_held(self.key) {
                return Poll::Pending;
            }
            ready!(self.read(cx));
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Writes what it can; says whether something is left.
    fn write(&mut self, cx: &mut Context<'_>) -> bool {
        loop {
            let hub = self.worker.hub.borrow();
            let mut slices = [IoSlice::new(&[]); SLICES_MAX];
            let count = hub.pending(self.key, &mut slices);
            if count == 0 {
                drop(hub);
                return self.flush(cx);
            }
            let written = Pin::new(&mut self.stream).poll_write_vectored(cx, &slices[..count]);
            drop(hub);
            let mut hub = self.worker.hub.borrow_mut();
            match written {
                Poll::Ready(Ok(bytes)) if bytes > 0 => hub.written(self.key, bytes),
                Poll::Ready(_) => {
                    hub.received_all(self.key);
                    return false;
                }
                Poll::Pending => {
                    hub.blocked(self.key, self.worker.now());
                    return true;
                }
            }
            drop(hub);
            self.worker.wake(Some(self.key));
        }
    }

    /// Sends what a stream with a buffer of its own still has; says whether something is left.
    fn flush(&mut self, cx: &mut Context<'_>) -> bool {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        let mut hub = self.worker.hub.borrow_mut();
        match flushed {
            Poll::Ready(Ok(())) if self.is_flushing => hub.written(self.key, 0),
            Poll::Ready(Ok(())) => {}
            Poll::Ready(Err(_)) => hub.received_all(self.key),
            Poll::Pending => hub.blocked(self.key, self.worker.now()),
        }
        self.is_flushing = flushed.is_pending();
        self.is_flushing
    }

    /// Reads once, if there is something.
    fn read(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let worker = self.worker.clone();
        let mut input = worker.input.borrow_mut();
        let is_small = self.left.len() <= LEFT_BYTES_MAX && self.needed <= input.len();
        let kept = if is_small { self.left.len() } else { 0 };
        input[..kept].copy_from_slice(&self.left[..kept]);
        let mut buffer = ReadBuf::new(&mut input[kept..]);
        let result = ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer));
        let end = kept + buffer.filled().len();
        if result.is_err() || end == kept {
            worker.hub.borrow_mut().received_all(self.key);
        } else if is_small {
            let received = worker.hub.borrow_mut().receive(self.key, &input[..end], worker.now());
            self.left.clear();
            self.left.extend_from_slice(&input[received.consumed..end]);
            self.needed = received.needed;
        } else {
            self.left.extend_from_slice(&input[..end]);
            self.gathered();
        }
        if self.left.is_empty() {
            self.left = Vec::new();
        }
        worker.wake(Some(self.key));
        Poll::Ready(())
    }

    /// Hands over a large message once it is whole.
    fn gathered(&mut self) {
        if self.left.len() < self.needed {
            return self.left.reserve_exact(self.needed - self.left.len());
        }
        let received = self.worker.hub.borrow_mut().receive(self.key, &self.left, self.worker.now());
        self.left.drain(..received.consumed);
        self.left.shrink_to(LEFT_BYTES_MAX);
        self.needed = received.needed;
    }

    /// Does what has come due; ready if there was something. A client that is told to go only has its time to listen.
    fn poll_timer(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let now = self.worker.now();
        let Some(deadline) = self.worker.hub.borrow().deadline(self.key, LINGER) else { return Poll::Pending };
        if deadline <= now {
            self.worker.hub.borrow_mut().tick(self.key, now);
            self.worker.wake(Some(self.key));
            return Poll::Ready(());
        }
        if deadline < self.timer_at || self.timer.is_elapsed() {
            self.timer_at = deadline;
            self.timer.as_mut().reset(Instant::now() + deadline.since(now));
        }
        if self.timer.as_mut().poll(cx).is_ready() {
            // The deadline may have moved on since the timer was set.
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }

    /// Says that this was all, and waits until the client has heard it.
    async fn say_goodbye(&mut self) -> std::io::Result<()> {
        self.stream.shutdown().await?;
        let mut unheard = [0; 4096];
        while self.stream.read(&mut unheard).await? > 0 {}
        Ok(())
    }
}
