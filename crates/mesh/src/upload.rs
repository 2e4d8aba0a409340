//! From the client to the instance: the head, the body, and then an eye on the client.

use tokio::time::timeout;
use wire::http1::{Body, Framing, HeadError};

use crate::{
    attempt::Flow,
    body::{self, PassFailed},
    buffer::Buffer,
    socket::{Reader, WriteFailed, Writer},
};

/// Room for a piece of a body.
const PIECE: usize = 8 * 1024;

/// Why nothing more goes to the instance.
pub(crate) enum Stopped {
    /// The client has gone, or stopped in the middle of the body.
    Vanished,
    /// The instance takes no more.
    Upstream,
    /// The body is malformed.
    Refused(HeadError),
}

/// Sends the whole request, then waits for the client to go away.
pub(crate) async fn run(
    flow: &Flow<'_>,
    mut from: Reader<'_>,
    mut to: Writer<'_>,
    head: &[u8],
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
pub(crate) async fn watch(from: &mut Reader<'_>, input: &mut Buffer) {
    while !input.space().is_empty() {
        match from.read(input.space()).await {
            Ok(0) | Err(_) => return,
            Ok(count) => input.filled(count),
        }
    }
    std::future::pending::<()>().await;
}

async fn send(
    flow: &Flow<'_>,
    from: &mut Reader<'_>,
    to: &mut Writer<'_>,
    head: &[u8],
    input: &mut Buffer,
) -> Result<(), Stopped> {
    let framing = flow.facts.framing;
    let mut body = Body::new(framing);
    let mut before = head;
    if framing == Framing::Chunked {
        // Reading chunks uses them up, so nothing is read before the instance has taken the head.
        to.write_all([head]).await.map_err(|failed| flow.not_written(&failed))?;
        flow.sent.set(true);
        before = b"";
    }
    loop {
        let passed = body::pass(&mut body, input, to, framing, before);
        match timeout(flow.worker.limits.body_idle, passed).await {
            Ok(Ok(())) => flow.sent.set(true),
            Ok(Err(PassFailed::Malformed(error))) => return Err(Stopped::Refused(error)),
            Ok(Err(PassFailed::Write(failed))) => return Err(flow.not_written(&failed)),
            Err(_) => return Err(Stopped::Upstream),
        }
        if body.is_done() {
            return Ok(());
        }
        before = b"";
        receive(flow, from, input).await?;
        flow.progress();
    }
}

async fn receive(flow: &Flow<'_>, from: &mut Reader<'_>, input: &mut Buffer) -> Result<(), Stopped> {
    input.reserve(PIECE);
    match timeout(flow.worker.limits.body_idle, from.read(input.space())).await {
        Ok(Ok(count @ 1..)) => input.filled(count),
        _ => return Err(Stopped::Vanished),
    }
    Ok(())
}

impl Flow<'_> {
    fn not_written(&self, failed: &WriteFailed) -> Stopped {
        self.sent.set(self.sent.get() || failed.begun);
        Stopped::Upstream
    }
}
