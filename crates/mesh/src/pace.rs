//! How fast a request's body has to come, and how long both sides of a stream may be silent.

use std::{
    future::poll_fn,
    pin::{Pin, pin},
    task::Poll,
    time::Duration,
};

use model::{ByteSize, Reason, spec::Protocol};
use tokio::time::{Instant, timeout};

use crate::{
    flow::{Flow, Stop},
    problem::Fault,
    timer::within,
    upload::Stopped,
};

/// How much of a body has come, and how long it was waited for.
pub(crate) struct Pace<'a> {
    flow: &'a Flow<'a>,
    bytes: usize,
    waited: Duration,
}

impl<'a> Pace<'a> {
    pub(crate) fn new(flow: &'a Flow<'a>) -> Self {
        Self { flow, bytes: 0, waited: Duration::ZERO }
    }

    /// How many bytes of the body may still go on.
    pub(crate) fn allowed(&self) -> u64 {
        self.most().map_or(u64::MAX, |most| most.0.saturating_sub(self.bytes as u64))
    }

    /// Takes note of bytes of the body that went on.
    pub(crate) fn passed(&mut self, bytes: usize) {
        self.bytes += bytes;
    }

    /// There are more than may go on.
    pub(crate) fn too_large(&self) -> Stopped {
        let most = self.most().map_or_else(String::new, |most| format!("{most} allowed"));
        Stopped::Refused(Fault::new(Reason::BodyTooLarge, most))
    }

    fn most(&self) -> Option<ByteSize> {
        self.flow.call.connection.policy().limits.body
    }

    /// Waits for the next piece. Only the time spent here counts as the client's, and none of it as the instance's. Once the answer
    /// has begun, [`Flow::unless_idle`] looks after both.
    pub(crate) async fn wait<T>(&mut self, piece: impl Future<Output = T>) -> Result<T, Stopped> {
        let mut piece = pin!(piece);
        let in_turn = poll_fn(|context| match piece.as_mut().poll(context) {
            Poll::Ready(piece) => Poll::Ready(Some(piece)),
            Poll::Pending if self.is_held_back() => Poll::Pending,
            Poll::Pending => Poll::Ready(None),
        });
        if let Some(piece) = in_turn.await {
            return Ok(piece);
        }
        let (flow, began) = (self.flow, Instant::now());
        flow.await_client();
        let in_time = match flow.answered.get() {
            true => None,
            false => timeout(self.patience(), piece.as_mut()).await.ok(),
        };
        let came = match in_time {
            None if flow.answered.get() => Some(piece.await),
            in_time => in_time,
        };
        self.waited += began.elapsed();
        came.ok_or_else(|| self.too_slow())
    }

    /// Whether the client waits for the instance to ask for its body.
    fn is_held_back(&self) -> bool {
        let flow = self.flow;
        flow.facts.expects_continue && flow.pieces.get() == 0 && !flow.call.invited.get() && !flow.answered.get()
    }

    /// How long the next piece may take.
    fn patience(&self) -> Duration {
        let idle = self.flow.call.connection.policy().idle_timeout;
        self.flow.time_for(self.bytes).map_or(idle, |allowed| allowed.saturating_sub(self.waited).min(idle))
    }

    fn too_slow(&self) -> Stopped {
        let waited = model::format_duration(Duration::from_millis(u64::try_from(self.waited.as_millis()).unwrap_or(0)));
        Stopped::Refused(Fault::new(Reason::BodyTooSlow, format!("{} bytes in {waited}", self.bytes)))
    }
}

impl Flow<'_> {
    /// How long a client may take for so many bytes; any time if `None`. A stream of gRPC is as slow as its messages, where the
    /// instance can speak it.
    fn time_for(&self, bytes: usize) -> Option<Duration> {
        let policy = self.call.connection.policy();
        let seconds = (bytes as u64).checked_div(policy.limits.progress.0)?;
        let is_stream = self.facts.grpc && policy.protocol == Protocol::Http2;
        (!is_stream).then(|| policy.limits.progress_grace + Duration::from_secs(seconds))
    }

    /// How long a client may read nothing of an answer: the time that it might take for a whole buffer.
    pub(crate) fn unread_max(&self) -> Duration {
        let idle = self.call.connection.policy().idle_timeout;
        self.time_for(self.call.connection.shared.buffer).map_or(idle, |allowed| allowed.min(idle))
    }

    /// A response before the final one goes to the client.
    pub(crate) fn inform(&self, status: u16) {
        if status == 100 {
            self.call.invited.set(true);
        }
    }

    /// Some of the request's body was sent: the time until the response's head begins anew, and what remains is the instance's.
    pub(crate) fn progress(&self) {
        self.call.listening.set(false);
        self.began.set(self.worker.now());
        self.pieces.set(self.pieces.get().wrapping_add(1));
        self.due_in(self.call.connection.policy().timeout);
    }

    /// The client has longer than it may take, so that the instance is not found late first.
    fn await_client(&self) {
        self.call.listening.set(true);
        let policy = self.call.connection.policy();
        self.due_in(policy.idle_timeout + policy.timeout);
    }

    /// The response's head is due then, or when the caller gives up.
    fn due_in(&self, time: Duration) {
        let due = Instant::now() + time;
        self.deadline.set(self.call.deadline.caller.map_or(due, |caller| caller.min(due)));
    }

    /// The next piece of the answer, unless neither side says anything for too long.
    pub(crate) async fn unless_idle<T>(&self, mut piece: Pin<&mut impl Future<Output = T>>) -> Result<T, Stop> {
        let idle = self.call.connection.policy().idle_timeout;
        loop {
            let pieces = self.pieces.get();
            match within(idle, piece.as_mut()).await {
                Ok(piece) => return Ok(piece),
                Err(_) if self.pieces.get() != pieces => {}
                // The instance may be waiting for the client, as we are.
                Err(_) if self.call.listening.get() => {
                    return Err(Stop::Fault(Fault::new(Reason::BodyTooSlow, "neither side said anything")));
                }
                Err(_) => return Err(Stop::Fault(Fault::new(Reason::IdleTimeout, ""))),
            }
        }
    }
}
