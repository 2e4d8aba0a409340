//! Bodies on their way: the request's at the client's pace, the response's at both.

use std::{
    future::{poll_fn, ready},
    pin::pin,
    task::Poll,
    time::Duration,
};

use bytes::Bytes;
use model::Reason;

use super::{
    body::{Lost, NotSent, Sink, Source},
    grpc, trailers,
};
use crate::{
    attempt::Failed,
    flow::{Flow, Stop},
    pace::Pace,
    problem::Fault,
    retry::Sent,
    timer::within,
    upload::{self, Stopped},
};

/// Sends the request to the instance, then waits for the client to go away. With `ended` there is nothing to send.
pub(super) async fn send(flow: &Flow<'_>, source: &mut impl Source, sink: &mut impl Sink, ended: bool) -> Stopped {
    if !ended && let Err(stopped) = upload(flow, source, sink).await {
        if let Stopped::Upstream = stopped {
            // Its answer may be on the way, and the client goes on sending.
            poll_fn(|context| -> Poll<()> {
                source.look_ahead(context);
                Poll::Pending
            })
            .await;
        }
        return stopped;
    }
    flow.uploaded.set(true);
    source.gone().await;
    Stopped::Vanished
}

async fn upload<S: Sink>(flow: &Flow<'_>, source: &mut impl Source, sink: &mut S) -> Result<(), Stopped> {
    let mut pace = Pace::new(flow);
    if flow.facts.framing.is_empty() {
        return pass(flow, source, sink.finish(None)).await;
    }
    let mut waited = !has_piece(source).await;
    if waited && S::WITH_HEAD {
        // The head does not wait for it.
        pass(flow, source, sink.send(Bytes::new(), false)).await?;
    }
    loop {
        match pace.wait(source.piece()).await? {
            Ok(Some(piece)) => {
                if std::mem::replace(&mut waited, true) {
                    flow.progress();
                }
                let length = piece.data.len();
                flow.call.count_received(length);
                if length as u64 > pace.allowed() {
                    return Err(pace.too_large());
                }
                pace.passed(length);
                let last = piece.last;
                pass(flow, source, sink.send(piece.data, last)).await?;
                source.taken();
                if last {
                    break;
                }
            }
            Ok(None) => {
                flow.progress();
                let trailers = source.trailers().await.map_err(stopped)?;
                pass(flow, source, sink.finish(trailers.and_then(trailers::of_request))).await?;
                break;
            }
            Err(lost) => return Err(stopped(lost)),
        }
    }
    Ok(())
}

async fn pass(
    flow: &Flow<'_>,
    source: &mut impl Source,
    sending: impl Future<Output = Result<(), NotSent>>,
) -> Result<(), Stopped> {
    match upload::unless_broken(flow, pin!(sending), pin!(source.broken())).await? {
        Ok(()) => {
            flow.has_sent();
            Ok(())
        }
        Err(not_sent) => {
            if not_sent.begun {
                flow.has_sent();
            }
            Err(Stopped::Upstream)
        }
    }
}

/// As [`Flow::judge`], of a request whose body came from there.
pub(super) fn judge(flow: &Flow<'_>, source: &impl Source, stop: Stop, is_pooled: bool) -> Failed {
    if source.is_spent() {
        flow.sent.set(Sent::Spent);
    }
    flow.judge(stop, is_pooled)
}

fn stopped(lost: Lost) -> Stopped {
    match lost {
        Lost::Gone | Lost::Reset => Stopped::Vanished,
        Lost::Malformed(error) => Stopped::Refused(Fault::of_request(error)),
    }
}

/// Sends the response's body to the client.
pub(super) async fn download(flow: &Flow<'_>, source: &mut impl Source, sink: &mut impl Sink) -> Result<(), Stop> {
    let unread_max = flow.unread_max();
    loop {
        let piece = flow.unless_idle(pin!(source.piece())).await?;
        let Some(piece) = piece.map_err(|lost| truncated(flow, lost))? else { break };
        let (length, last) = (piece.data.len(), piece.last);
        deliver(unread_max, source, sink.send(piece.data, last)).await?;
        source.taken();
        flow.deliver(length, length);
        if last {
            return Ok(());
        }
    }
    let trailers = source.trailers().await.map_err(|lost| truncated(flow, lost))?;
    if let Some(status) = trailers.as_ref().and_then(grpc::status_of) {
        flow.call.grpc_status.set(Some(status));
    }
    deliver(unread_max, source, sink.finish(trailers.and_then(trailers::of_response))).await
}

/// A client that takes nothing for too long has gone.
async fn deliver(
    unread_max: Duration,
    source: &mut impl Source,
    sending: impl Future<Output = Result<(), NotSent>>,
) -> Result<(), Stop> {
    let mut sending = pin!(sending);
    let sent = poll_fn(|context| {
        let sent = sending.as_mut().poll(context);
        if sent.is_pending() {
            source.look_ahead(context);
        }
        sent
    });
    match within(unread_max, pin!(sent)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(Stop::Vanished),
    }
}

fn truncated(flow: &Flow<'_>, lost: Lost) -> Stop {
    if let Lost::Reset = lost {
        flow.was_reset();
    }
    match lost {
        Lost::Gone | Lost::Reset => Stop::Fault(Fault::new(Reason::Reset, "")),
        Lost::Malformed(error) => Stop::Fault(Fault::new(Reason::BadResponse, error.detail)),
    }
}

/// Whether the first piece, or the end, is there already.
async fn has_piece(source: &mut impl Source) -> bool {
    tokio::select! {
        biased;
        _ = source.piece() => true,
        () = ready(()) => false,
    }
}

/// A body that is malformed from its first byte on is found before the head is sent.
pub(super) async fn check_first(flow: &Flow<'_>, source: &mut impl Source) -> Result<(), Stop> {
    tokio::select! {
        biased;
        first = source.piece() => match first {
            Err(lost @ Lost::Malformed(_)) => Err(truncated(flow, lost)),
            _ => Ok(()),
        },
        () = ready(()) => Ok(()),
    }
}
