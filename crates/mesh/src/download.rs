//! From the instance to the client: the response's head, and its body as it comes.

use std::{
    future::poll_fn,
    pin::{Pin, pin},
    task::{Poll, ready},
    time::Duration,
};

use logic::balance;
use model::Reason;
use tokio::time::Instant;
use wire::http1::{self, Body, Framing, HeadError, LAST_CHUNK, ResponseHead, Version};

use crate::{
    attempt,
    body::{self, PassFailed},
    buffer::Buffer,
    flow::{Flow, Stop},
    problem::Fault,
    socket::{Reader, Writer},
    timer::{Timer, within},
};

/// How a response ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Downloaded {
    /// All of it was passed on.
    Whole {
        /// The instance takes another request on the connection.
        reusable: bool,
        /// The client may send another one.
        keep: bool,
    },
    /// It was a 101; from here on bytes go both ways.
    Upgraded,
}

/// Passes the response on.
pub(crate) async fn run(
    flow: &Flow<'_>,
    mut from: Reader<'_>,
    mut to: Writer<'_>,
    reply: &mut Buffer,
    response: &mut ResponseHead,
    answer: &mut Vec<u8>,
) -> Result<Downloaded, Stop> {
    loop {
        before_deadline(flow, pin!(read_head(flow, &mut from, reply, response))).await?;
        match response.status() {
            101 => return switch(flow, &mut to, reply, response, answer).await,
            status @ 100..200 => {
                flow.inform(status);
                pass_interim(flow, &mut to, reply, response, answer).await?;
            }
            status => {
                flow.observe(status, retry_after(response, reply.data()));
                return stream(flow, from, to, reply, response, answer).await;
            }
        }
    }
}

/// The time until the head is due; it moves on while the request's body does.
pub(crate) async fn before_deadline<T>(
    flow: &Flow<'_>,
    mut future: Pin<&mut impl Future<Output = Result<T, Stop>>>,
) -> Result<T, Stop> {
    let own = Timer::default();
    let timer = flow.timer.unwrap_or(&own);
    poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(result) => Poll::Ready(result),
        Poll::Pending => {
            let due = flow.deadline.get();
            timer.poll(due, context).map(|()| Err(Stop::Fault(attempt::late(flow.call, due))))
        }
    })
    .await
}

pub(crate) fn read_head(
    flow: &Flow<'_>,
    from: &mut Reader<'_>,
    reply: &mut Buffer,
    response: &mut ResponseHead,
) -> impl Future<Output = Result<(), Stop>> {
    let limits = &flow.call.connection.shared.heads.response;
    let broken = |detail: &str| Stop::Fault(Fault::new(Reason::Reset, format!("{}: {detail}", flow.local.shared.id)));
    poll_fn(move |context| {
        loop {
            let parsed =
                if reply.is_empty() { Ok(false) } else { response.parse(reply.data(), flow.facts.to_head, limits) };
            match parsed {
                Ok(true) => return Poll::Ready(Ok(())),
                Ok(false) => {}
                Err(error) => return Poll::Ready(Err(Stop::Fault(Fault::of_response(error)))),
            }
            let ended = match ready!(from.poll_read(context, reply.head_space(limits.head_bytes_max))) {
                Ok(count @ 1..) => {
                    reply.filled(count);
                    flow.received.set(true);
                    continue;
                }
                Ok(0) if flow.received.get() => broken("it closed the connection in the middle of a head"),
                Ok(0) => broken("it closed the connection without an answer"),
                Err(error) => broken(&error.to_string()),
            };
            return Poll::Ready(Err(ended));
        }
    })
}

/// A response before the final one: HTTP/1.0 knows none (RFC 9110 section 15.2).
async fn pass_interim(
    flow: &Flow<'_>,
    to: &mut Writer<'_>,
    reply: &mut Buffer,
    response: &ResponseHead,
    answer: &mut Vec<u8>,
) -> Result<(), Stop> {
    flow.count_interim(response.length())?;
    if flow.facts.version == Version::Http11 {
        answer.clear();
        http1::write_response(reply.data(), response, Framing::None, None, answer);
        flow.call.count_sent(answer.len());
        write(flow, to, answer).await?;
    }
    reply.consume(response.length());
    Ok(())
}

/// Writes to a client that takes it in time.
pub(crate) async fn write(flow: &Flow<'_>, to: &mut Writer<'_>, bytes: &[u8]) -> Result<(), Stop> {
    let written = within(flow.unread_max(), pin!(to.write_all([bytes]))).await;
    if matches!(written, Ok(Ok(()))) { Ok(()) } else { Err(Stop::Vanished) }
}

async fn switch(
    flow: &Flow<'_>,
    to: &mut Writer<'_>,
    reply: &mut Buffer,
    response: &ResponseHead,
    answer: &mut Vec<u8>,
) -> Result<Downloaded, Stop> {
    let asked = flow.facts.upgrade.as_deref();
    let given = response.upgrade(reply.data());
    let agreed = asked.zip(given).is_some_and(|(asked, given)| asked.eq_ignore_ascii_case(given));
    if !agreed {
        let detail = "it switched to a protocol that the request did not ask for";
        return Err(Stop::Fault(Fault::new(Reason::BadResponse, detail)));
    }
    flow.observe(response.status(), None);
    flow.answered.set(true);
    answer.clear();
    http1::write_response(reply.data(), response, Framing::None, Some("upgrade"), answer);
    flow.call.count_sent(answer.len());
    write(flow, to, answer).await?;
    reply.consume(response.length());
    Ok(Downloaded::Upgraded)
}

async fn stream(
    flow: &Flow<'_>,
    mut from: Reader<'_>,
    mut to: Writer<'_>,
    reply: &mut Buffer,
    response: &ResponseHead,
    answer: &mut Vec<u8>,
) -> Result<Downloaded, Stop> {
    let (unread_max, room) = (flow.unread_max(), flow.call.connection.shared.buffer);
    let framing = outgoing_framing(response.framing(), flow.facts.version);
    let keep = flow.keeps_client(framing);
    answer.clear();
    http1::write_response(reply.data(), response, framing, connection_option(keep, flow.facts.version), answer);
    reply.consume(response.length());
    flow.answered.set(true);
    let mut body = Body::new(response.framing());
    loop {
        let passed = within(unread_max, pin!(body::pass(&mut body, reply, &mut to, framing, answer, u64::MAX))).await;
        match passed {
            Ok(Ok(passed)) => flow.deliver(passed.written, passed.data),
            Ok(Err(PassFailed::Malformed(error))) => return Err(flow.malformed(error, answer.is_empty())),
            Ok(Err(PassFailed::Write(_) | PassFailed::TooLarge(_))) | Err(_) => return Err(Stop::Vanished),
        }
        if body.is_done() {
            break;
        }
        let read = flow.unless_idle(pin!(from.read(reply.body_space(room)))).await?;
        match read {
            Ok(0) if body.may_close() => {
                let last = if framing == Framing::Chunked { LAST_CHUNK } else { b"" };
                write(flow, &mut to, last).await?;
                break;
            }
            Ok(count @ 1..) => reply.filled(count),
            _ => return Err(Stop::Fault(Fault::new(Reason::Reset, ""))),
        }
    }
    Ok(Downloaded::Whole { reusable: response.keep_alive(), keep })
}

/// HTTP/1.0 knows no chunks; without them only closing the connection ends a body of unknown length.
pub(crate) fn outgoing_framing(framing: Framing, version: Version) -> Framing {
    match (framing, version) {
        (Framing::Chunked | Framing::UntilClose, Version::Http11) => Framing::Chunked,
        (Framing::Chunked | Framing::UntilClose, Version::Http10) => Framing::UntilClose,
        (framing, _) => framing,
    }
}

pub(crate) fn connection_option(keep: bool, version: Version) -> Option<&'static str> {
    match (keep, version) {
        (false, _) => Some("close"),
        (true, Version::Http10) => Some("keep-alive"),
        (true, Version::Http11) => None,
    }
}

impl Flow<'_> {
    /// Counts a response before the final one: all of them together may be as long as one head. Where they follow each other without a
    /// pause, only this tells that the final one is due.
    pub(crate) fn count_interim(&self, bytes: usize) -> Result<(), Stop> {
        let due = self.deadline.get();
        if due <= Instant::now() {
            return Err(Stop::Fault(attempt::late(self.call, due)));
        }
        let (most, total) = (self.call.connection.shared.heads.response.head_bytes_max, self.interim.get() + bytes);
        self.interim.set(total);
        if total <= most {
            return Ok(());
        }
        let detail = format!("more than {most} bytes of responses before the final one");
        Err(Stop::Fault(Fault::new(Reason::ResponseTooLarge, detail)))
    }

    /// A malformed body is found before it is written: if it is the first part, the head has not been sent either.
    fn malformed(&self, error: HeadError, head_sent: bool) -> Stop {
        self.answered.set(head_sent);
        Stop::Fault(Fault::new(Reason::BadResponse, error.detail))
    }

    /// Whether the client may send another request. After an answer that came before the whole request had gone on it may not: where
    /// the next one begins is in doubt.
    pub(crate) fn keeps_client(&self, framing: Framing) -> bool {
        let leaving = self.worker.is_retiring() || self.worker.view().table.shutting_down;
        let whole = self.uploaded.get() && framing != Framing::UntilClose;
        self.facts.keep_alive && self.facts.upgrade.is_none() && whole && !leaving
    }

    /// Takes note of how fast the instance answered, or that it could not do its work.
    pub(crate) fn observe(&self, status: u16, retry_after: Option<Duration>) {
        let now = self.worker.now();
        let took = now.since(self.began.get());
        self.call.status.set(status);
        match balance::failure_penalty(status, retry_after, self.call.grpc_status.get()) {
            Some(penalty) => self.local.observe(penalty, now),
            None => {
                self.local.observe(took, now);
                self.call.connection.took(took, now);
            }
        }
        self.call.permit.answered();
        self.call.begins(self.worker, self.local, now);
    }
}

/// The seconds of a `retry-after` field of a response that has failed (RFC 9110 section 10.2.3); a date is not looked at.
pub(crate) fn retry_after(response: &ResponseHead, head: &[u8]) -> Option<Duration> {
    if response.status() < 429 {
        return None;
    }
    let value = std::str::from_utf8(response.value(head, "retry-after")?).ok()?;
    value.parse().ok().map(Duration::from_secs)
}
