//! From the client to the instance: the head, the body, and then an eye on the client.

use std::{
    future::poll_fn,
    pin::{Pin, pin},
    task::{Poll, ready},
};

use wire::http1::{Body, Framing};

use crate::{
    body::{self, PassFailed},
    buffer::Buffer,
    flow::Flow,
    pace::Pace,
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
    let (idle, room) = (flow.call.connection.policy().idle_timeout, flow.call.connection.shared.buffer);
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
        match unless_broken(flow, pin!(passed), pin!(from.broken())).await? {
            Ok(passed) => {
                flow.has_sent();
                pace.passed(passed.data);
            }
            Err(PassFailed::TooLarge(more)) => {
                flow.call.count_received(more);
                return Err(pace.too_large());
            }
            Err(PassFailed::Malformed(error)) => return Err(Stopped::Refused(Fault::of_request(error))),
            Err(PassFailed::Write(failed)) => return Err(flow.not_written(&failed)),
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
        match pace.wait(from.read(input.body_space(room))).await? {
            Ok(count @ 1..) => input.filled(count),
            _ => return Err(Stopped::Vanished),
        }
        flow.progress();
    }
}

/// Sends some of a body on, unless the instance takes nothing for too long, or the client has `broken` off meanwhile.
pub(crate) async fn unless_broken<T>(
    flow: &Flow<'_>,
    mut sending: Pin<&mut impl Future<Output = T>>,
    mut broken: Pin<&mut impl Future<Output = ()>>,
) -> Result<T, Stopped> {
    let sent = poll_fn(|context| match sending.as_mut().poll(context) {
        Poll::Ready(sent) => Poll::Ready(Ok(sent)),
        Poll::Pending => broken.as_mut().poll(context).map(|()| Err(Stopped::Vanished)),
    });
    within(flow.call.connection.policy().idle_timeout, pin!(sent)).await.unwrap_or(Err(Stopped::Upstream))
}

/// Whether the buffer holds a body to its end, so that another attempt can send it.
pub(crate) fn keeps(input: &Buffer, framing: Framing) -> bool {
    matches!(framing, Framing::Length(length) if input.can_hold(length))
}

impl Flow<'_> {
    fn not_written(&self, failed: &WriteFailed) -> Stopped {
        if failed.begun {
            self.has_sent();
        }
        Stopped::Upstream
    }
}
