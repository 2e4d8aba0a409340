//! From the client to the instance: the head, the body, and then an eye on the client.

use std::{
    future::poll_fn,
    pin::pin,
    task::{Poll, ready},
    time::Duration,
};

use model::{Reason, spec::MessageLimits};
use tokio::time::Instant;
use wire::http1::{Body, Framing};

use crate::{
    attempt::Flow,
    body::{self, PassFailed},
    buffer::Buffer,
    problem::Fault,
    retry::Sent,
    socket::{Reader, WriteFailed, Writer},
    timer::within,
};

/// Why nothing more goes to the instance.
pub(crate) enum Stopped {
    /// The client has gone, or stopped in the middle of the body.
    Vanished,
    /// The instance takes no more.
    Upstream,
    /// The body is malformed, too large or too slow.
    Refused(Fault),
}

/// Sends the whole request, then waits for the client to go away.
pub(crate) async fn run(
    flow: &Flow<'_>,
    mut from: Reader<'_>,
    mut to: Writer<'_>,
    head: &mut Vec<u8>,
    input: &mut Buffer,
) -> Stopped {
    if let Err(stopped) = send(flow, &mut from, &mut to, head, input).await {
        return stopped;
    }
    flow.uploaded.set(true);
    watch(&mut from, input).await;
    Stopped::Vanished
}

/// Ends when the client has gone. What it sends meanwhile is kept for later; when there is no more room, it waits.
pub(crate) fn watch(from: &mut Reader<'_>, input: &mut Buffer) -> impl Future<Output = ()> {
    poll_fn(|context| {
        loop {
            let space = input.space();
            if space.is_empty() {
                return Poll::Pending;
            }
            match ready!(from.poll_read(context, space)) {
                Ok(count @ 1..) => input.filled(count),
                Ok(0) | Err(_) => return Poll::Ready(()),
            }
        }
    })
}

async fn send(
    flow: &Flow<'_>,
    from: &mut Reader<'_>,
    to: &mut Writer<'_>,
    head: &mut Vec<u8>,
    input: &mut Buffer,
) -> Result<(), Stopped> {
    let framing = flow.facts.framing;
    let mut body = Body::new(framing);
    let mut pace = Pace::new(flow);
    let idle = flow.call.connection.policy().idle_timeout;
    // Reading chunks uses them up, so nothing is read before the instance has taken the head.
    if framing == Framing::Chunked || body.is_done() {
        let written = within(idle, pin!(to.write_all([head]))).await.map_err(|_| Stopped::Upstream)?;
        written.map_err(|failed| flow.not_written(&failed))?;
        flow.sent.set(if body.is_done() { Sent::Kept } else { Sent::Spent });
        head.clear();
    }
    if body.is_done() {
        return Ok(());
    }
    let keeps = keeps(input, framing);
    loop {
        let held = input.data().len();
        let passed = body::pass(&mut body, input, to, framing, head, pace.allowed());
        let passed = within(idle, pin!(passed)).await;
        match passed {
            Ok(Ok(passed)) => {
                flow.has_sent();
                pace.passed(passed.data);
            }
            Ok(Err(PassFailed::TooLarge(more))) => {
                flow.call.count_received(more);
                return Err(pace.too_large());
            }
            Ok(Err(PassFailed::Malformed(error))) => return Err(Stopped::Refused(Fault::of_request(error))),
            Ok(Err(PassFailed::Write(failed))) => return Err(flow.not_written(&failed)),
            Err(_) => return Err(Stopped::Upstream),
        }
        let used = held - input.data().len();
        flow.call.count_received(used);
        match keeps {
            true => input.hold_used(used),
            false if used > 0 => flow.sent.set(Sent::Spent),
            false => {}
        }
        if body.is_done() {
            return Ok(());
        }
        flow.listening.set(true);
        pace.receive(from, input).await?;
        flow.listening.set(false);
        flow.progress();
    }
}

/// Whether the buffer holds a body to its end, so that another attempt can send it.
pub(crate) fn keeps(input: &Buffer, framing: Framing) -> bool {
    matches!(framing, Framing::Length(length) if input.can_hold(length))
}

/// How much of a body has come, and how long it was waited for.
pub(crate) struct Pace<'a> {
    limits: &'a MessageLimits,
    idle: Duration,
    buffer: usize,
    bytes: usize,
    waited: Duration,
}

impl<'a> Pace<'a> {
    pub(crate) fn new(flow: &Flow<'a>) -> Self {
        let (policy, buffer) = (flow.call.connection.policy(), flow.call.connection.shared.buffer);
        Self { limits: &policy.limits, idle: policy.idle_timeout, buffer, bytes: 0, waited: Duration::ZERO }
    }

    /// How many bytes of the body may still go on.
    pub(crate) fn allowed(&self) -> u64 {
        self.limits.body.map_or(u64::MAX, |most| most.0.saturating_sub(self.bytes as u64))
    }

    /// Takes note of bytes of the body that went on.
    pub(crate) fn passed(&mut self, bytes: usize) {
        self.bytes += bytes;
    }

    /// There are more than may go on.
    pub(crate) fn too_large(&self) -> Stopped {
        let most = self.limits.body.map_or_else(String::new, |most| format!("{most} allowed"));
        Stopped::Refused(Fault::new(Reason::BodyTooLarge, most))
    }

    /// Reads the next piece.
    async fn receive(&mut self, from: &mut Reader<'_>, input: &mut Buffer) -> Result<(), Stopped> {
        match self.wait(from.read(input.body_space(self.buffer))).await? {
            Ok(count @ 1..) => input.filled(count),
            _ => return Err(Stopped::Vanished),
        }
        Ok(())
    }

    /// Waits for the next piece. Only the time spent here counts: what the instance takes to read is not the client's.
    pub(crate) async fn wait<T>(&mut self, piece: impl Future<Output = T>) -> Result<T, Stopped> {
        let began = Instant::now();
        let piece = within(self.patience(), pin!(piece)).await;
        self.waited += began.elapsed();
        piece.map_err(|_| self.too_slow())
    }

    /// How long the next piece may take.
    fn patience(&self) -> Duration {
        let Some(seconds) = (self.bytes as u64).checked_div(self.limits.progress.0) else { return self.idle };
        let allowed = self.limits.progress_grace + Duration::from_secs(seconds);
        allowed.saturating_sub(self.waited).min(self.idle)
    }

    fn too_slow(&self) -> Stopped {
        let waited = model::format_duration(Duration::from_millis(u64::try_from(self.waited.as_millis()).unwrap_or(0)));
        Stopped::Refused(Fault::new(Reason::BodyTooSlow, format!("{} bytes in {waited}", self.bytes)))
    }
}

impl Flow<'_> {
    fn not_written(&self, failed: &WriteFailed) -> Stopped {
        if failed.begun {
            self.has_sent();
        }
        Stopped::Upstream
    }
}
