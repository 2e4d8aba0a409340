//! Requests of the API.

use super::{
    Engine,
    answer::{Answer, Asked, push},
};
use crate::{
    jetstream::{ApiError, Call, Consumers, ErrorCode, Kind, Refusal, Request, Response, Status, page},
    server::{Message, Outgoing},
};
use wire::nats::HeaderBlock;

/// What a request comes to.
pub(super) enum Reply {
    /// An answer that needs nothing more.
    Now(Response),
    /// An answer that waits for the disk.
    Durable(Response),
}

pub(super) type Served = Result<Reply, ApiError>;

impl Engine {
    pub(super) fn call(&mut self, subject: &str, message: &Message<'_>, out: &mut Outgoing) {
        let block = HeaderBlock::parse(message.headers).ok();
        let required_level = block.and_then(|block| block.get("Nats-Required-Api-Level"));
        let call = Call { subject, required_level, body: message.payload };
        let Some(parsed) = self.api.parse(&call) else { return };
        self.stats.total += 1;
        let reply = message.reply.unwrap_or_default();
        if let Err(refusal) = parsed.and_then(|request| self.serve(request, reply, out)) {
            self.stats.errors += 1;
            refuse(&refusal, reply, out);
        }
    }

    fn serve(&mut self, request: Request, reply: &[u8], out: &mut Outgoing) -> Result<(), Refusal> {
        let (kind, served) = match request {
            Request::DirectGet { stream, get } => {
                return self.direct_get(&stream, &get, reply, out).map_err(Refusal::Status);
            }
            Request::ConsumerNext { .. } => {
                return Err(Refusal::Status(Status::BadPullRequest("consumers are not supported yet".into())));
            }
            Request::AccountInfo => (Kind::AccountInfo, Ok(Reply::Now(Response::AccountInfo(self.account())))),
            Request::StreamCreate { config, .. } => (Kind::StreamCreate, self.create(config, out)),
            Request::StreamUpdate { config, .. } => (Kind::StreamUpdate, self.update(config, out)),
            Request::StreamDelete { stream } => (Kind::StreamDelete, self.delete(&stream, out)),
            Request::StreamInfo { stream, details } => (Kind::StreamInfo, self.details(&stream, &details)),
            Request::StreamPurge { stream, purge } => (Kind::StreamPurge, self.purge(&stream, purge)),
            Request::StreamNames(which) => (Kind::StreamNames, Ok(Reply::Now(self.list_names(&which)))),
            Request::StreamList(which) => (Kind::StreamList, Ok(Reply::Now(self.list(&which)))),
            Request::MessageGet { stream, get } => (Kind::MessageGet, self.get(&stream, &get)),
            Request::MessageDelete { stream, delete } => {
                (Kind::MessageDelete, self.delete_message(&stream, delete.seq))
            }
            other => self.of_consumer(&other),
        };
        match served.map_err(|error| Refusal::Failed(kind, error))? {
            Reply::Now(response) => respond(reply, &response.body(), out),
            Reply::Durable(response) if reply.is_empty() => drop(response),
            Reply::Durable(response) => {
                let (reply, body) = (reply.into(), response.body());
                self.writer.answer(Answer { reply, body, asked: Asked::Api(kind) });
            }
        }
        Ok(())
    }

    /// Consumers are refused, never accepted in silence: a stream has none, and none can be made.
    fn of_consumer(&self, request: &Request) -> (Kind, Served) {
        let (kind, stream, error) = match request {
            Request::ConsumerCreate { stream, .. } => {
                let error = ErrorCode::ConsumerCreate.because("consumers are not supported yet");
                (Kind::ConsumerCreate, stream, error)
            }
            Request::ConsumerInfo { stream, .. } => (Kind::ConsumerInfo, stream, ErrorCode::ConsumerNotFound.error()),
            Request::ConsumerDelete { stream, .. } => {
                (Kind::ConsumerDelete, stream, ErrorCode::ConsumerNotFound.error())
            }
            Request::ConsumerPause { stream, .. } => (Kind::ConsumerPause, stream, ErrorCode::ConsumerNotFound.error()),
            Request::ConsumerNames { stream, .. } => {
                let (paged, consumers) = page(std::iter::empty(), 0, crate::jetstream::NAMES_MAX);
                let none = Response::ConsumerNames(Consumers { paged, consumers });
                return (Kind::ConsumerNames, self.find(stream).map(|_| Reply::Now(none)));
            }
            Request::ConsumerList { stream, .. } => {
                let (paged, consumers) = page(std::iter::empty(), 0, crate::jetstream::LIST_MAX);
                let none = Response::ConsumerList(Consumers { paged, consumers });
                return (Kind::ConsumerList, self.find(stream).map(|_| Reply::Now(none)));
            }
            _ => return (Kind::System, Err(ErrorCode::BadRequest.error())),
        };
        (kind, self.find(stream).and(Err(error)))
    }
}

fn refuse(refusal: &Refusal, reply: &[u8], out: &mut Outgoing) {
    match refusal {
        Refusal::Failed(kind, error) => respond(reply, &kind.failed(error), out),
        Refusal::Status(status) if !reply.is_empty() => {
            let headers = status.block();
            out.messages.push(&Message { subject: reply, reply: None, headers: headers.as_bytes(), payload: b"" });
        }
        Refusal::Status(_) | Refusal::Silence => {}
    }
}

fn respond(reply: &[u8], body: &str, out: &mut Outgoing) {
    if !reply.is_empty() {
        push(reply, body, &mut out.messages);
    }
}
