//! A client that speaks HTTP/1.1, where the instance speaks HTTP/2.

use std::rc::Rc;

use h2::RecvStream;
use http::Response;
use model::Reason;
use wire::http1::{self, Framing, ResponseHead, Version};

use super::{
    fields,
    http1::{Http1Sink, Http1Source},
    inlet::Inlet,
    relay,
    to_http2::{self, Back, Passage},
};
use crate::{
    attempt::Failed,
    buffer::Scratch,
    call::{Call, Facts},
    client::Next,
    download::{self, connection_option, outgoing_framing},
    flow::{Flow, Stop},
    instance::Lease,
    problem::Fault,
    socket::{Socket, Writer},
    worker::Worker,
};

/// Sends the request to the leased instance and the response to the client.
pub(crate) async fn run(
    worker: &Rc<Worker>,
    client: &mut Socket,
    scratch: &mut Scratch,
    facts: &Facts,
    call: &Call,
    lease: &Lease,
    first: bool,
) -> Result<Next, Failed> {
    let Scratch { input, request, outgoing, response, answer, .. } = scratch;
    let (reader, writer) = client.split();
    let source = Http1Source::new(reader, input, call.connection.shared.buffer, facts.framing).kept(facts.framing);
    let mut passage = Passage { facts, request, head: outgoing, source, back: Http1Back { writer, response, answer } };
    let passed = to_http2::run(worker, &mut passage, call, lease, first).await?;
    Ok(match passed.keep && passed.uploaded {
        true => Next::Keep,
        false if passed.uploaded && scratch.input.is_empty() => Next::Close,
        false => Next::Linger,
    })
}

struct Http1Back<'a> {
    writer: Writer<'a>,
    response: &'a mut ResponseHead,
    answer: &'a mut Vec<u8>,
}

impl Http1Back<'_> {
    /// Reads the head with the codec of HTTP/1.1.
    fn read(&mut self, flow: &Flow<'_>, response: &Response<()>, ended: bool) -> Result<Vec<u8>, Stop> {
        let mut head = Vec::with_capacity(512);
        fields::write(response, flow.facts.to_head, ended, &mut head);
        self.response.reset();
        let limits = &flow.call.connection.shared.heads.response;
        let whole = self.response.parse(&head, flow.facts.to_head, limits);
        match whole.map_err(|error| Stop::Fault(Fault::of_response(error)))? {
            true => Ok(head),
            false => Err(Stop::Fault(Fault::new(Reason::BadResponse, "the head is not whole"))),
        }
    }

    fn write(&mut self, flow: &Flow<'_>, head: &[u8], framing: Framing, option: Option<&str>) {
        self.answer.clear();
        http1::write_response(head, self.response, framing, option, self.answer);
        flow.call.count_sent(self.answer.len());
    }
}

impl Back for Http1Back<'_> {
    async fn inform(&mut self, flow: &Flow<'_>, response: Response<()>) -> Result<(), Stop> {
        let head = self.read(flow, &response, true)?;
        if flow.facts.version == Version::Http10 {
            return Ok(());
        }
        self.write(flow, &head, Framing::None, None);
        download::write(flow, &mut self.writer, self.answer).await
    }

    async fn respond(&mut self, flow: &Flow<'_>, response: Response<RecvStream>) -> Result<bool, Stop> {
        let (parts, body) = response.into_parts();
        let head = self.read(flow, &Response::from_parts(parts, ()), body.is_end_stream())?;
        let framing = outgoing_framing(self.response.framing(), flow.facts.version);
        let keep = flow.keeps_client(framing);
        self.write(flow, &head, framing, connection_option(keep, flow.facts.version));
        flow.answered.set(true);
        let Self { writer, answer, .. } = self;
        if framing.is_empty() {
            download::write(flow, writer, answer).await?;
        } else {
            let mut sink = Http1Sink::new(writer, answer, framing);
            relay::download(flow, &mut Inlet::new(body, false), &mut sink).await?;
        }
        Ok(keep)
    }
}
