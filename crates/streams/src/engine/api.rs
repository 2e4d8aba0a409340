//! Requests of the API.

use journal::Durability;

use super::{
    Engine,
    answer::{Answer, Asked, push},
    clients::Clients,
    streams::of_manifest,
};
use crate::{
    jetstream::{ApiError, Call, ErrorCode, Kind, Refusal, Request, Response},
    server::{Message, Origin, Outgoing},
};
use wire::nats::HeaderBlock;

const NOBODY: &[u8] = b"NATS/1.0 503\r\n\r\n";

/// What a request comes to.
pub(super) enum Reply {
    /// An answer that needs nothing more.
    Now(Response),
    /// An answer that waits for the disk.
    Durable(Response),
}

pub(super) type Served = Result<Reply, ApiError>;

impl Engine {
    pub(super) fn call(&mut self, subject: &str, message: &Message<'_>, from: Option<&Origin>, out: &mut Outgoing) {
        let block = HeaderBlock::parse(message.headers).ok();
        let required_level = block.and_then(|block| block.get("Nats-Required-Api-Level"));
        let call = Call { subject, required_level, body: message.payload };
        let Some(parsed) = self.api.parse(&call) else { return };
        let of = parsed.as_ref().ok().and_then(Request::consumer);
        if of.is_some_and(|(stream, consumer)| !self.is_own(stream, consumer, from)) {
            return out.deny();
        }
        let reply = message.reply.unwrap_or_default();
        // Direct gets and pulls are no requests of the API.
        let counts =
            !matches!(parsed, Ok(Request::DirectGet { .. } | Request::ConsumerNext { .. }) | Err(Refusal::Status(_)));
        let served = parsed.and_then(|request| self.serve(request, reply, from, out));
        // An answer about the account does not count the request that it answers.
        self.stats.total += u64::from(counts);
        if let Err(refusal) = served {
            self.stats.errors += u64::from(counts);
            refuse(&refusal, reply, out);
        }
    }

    fn serve(
        &mut self,
        request: Request,
        reply: &[u8],
        from: Option<&Origin>,
        out: &mut Outgoing,
    ) -> Result<(), Refusal> {
        let (kind, served) = match request {
            Request::DirectGet { stream, get } => {
                return self.direct_get(&stream, &get, reply, out).map_err(Refusal::Status);
            }
            Request::ConsumerNext { stream, consumer, next } => {
                if self.next((&*stream, &*consumer), &next, reply, Clients::number(from)).is_err() {
                    nobody(reply, out);
                }
                return Ok(());
            }
            request if is_of_service(from) && request.changes_stream() => self.as_it_is(request),
            Request::AccountInfo => (Kind::AccountInfo, Ok(Reply::Now(Response::AccountInfo(self.account())))),
            Request::StreamCreate { config, pedantic } => (Kind::StreamCreate, self.create(config, pedantic)),
            Request::StreamUpdate { config, pedantic } => (Kind::StreamUpdate, self.update(config, pedantic, out)),
            Request::StreamDelete { stream } => (Kind::StreamDelete, self.delete(&stream, out)),
            Request::StreamInfo { stream, details } => (Kind::StreamInfo, self.details(&stream, &details)),
            Request::StreamPurge { stream, purge } => (Kind::StreamPurge, self.purge(&stream, purge)),
            Request::StreamNames(which) => (Kind::StreamNames, Ok(Reply::Now(self.list_names(&which)))),
            Request::StreamList(which) => (Kind::StreamList, Ok(Reply::Now(self.list(&which)))),
            Request::MessageGet { stream, get } => (Kind::MessageGet, self.get(&stream, &get)),
            Request::MessageDelete { stream, delete } => {
                (Kind::MessageDelete, self.delete_message(&stream, delete.seq))
            }
            Request::ConsumerCreate { stream, create } => {
                let creator = from.and_then(|origin| origin.identity.service.as_ref());
                (Kind::ConsumerCreate, self.create_consumer(&stream, create, creator))
            }
            other => self.of_consumer(other),
        };
        match served.map_err(|error| Refusal::Failed(kind, error))? {
            Reply::Now(response) => respond(reply, &response.body(), out),
            Reply::Durable(response) if reply.is_empty() => drop(response),
            Reply::Durable(response) => {
                let (reply, body) = (reply.into(), response.body());
                let durability = Durability::Always;
                self.writer.answer(Answer { reply, body, asked: Asked::Api(kind), durability });
            }
        }
        Ok(())
    }

    /// What a service gets that makes, changes or deletes a stream.
    fn as_it_is(&mut self, request: Request) -> (Kind, Served) {
        match request {
            Request::StreamCreate { config, pedantic } => {
                let is_there = self.find(&config.name).is_ok();
                let served = if is_there { self.create(config, pedantic) } else { Err(of_manifest()) };
                (Kind::StreamCreate, served)
            }
            Request::StreamUpdate { config, .. } => (Kind::StreamUpdate, self.update_to_same(config)),
            _ => (Kind::StreamDelete, Err(of_manifest())),
        }
    }

    fn of_consumer(&mut self, request: Request) -> (Kind, Served) {
        match request {
            Request::ConsumerInfo { stream, consumer } => (Kind::ConsumerInfo, self.consumer(&stream, &consumer)),
            Request::ConsumerDelete { stream, consumer } => {
                (Kind::ConsumerDelete, self.delete_by_name(&stream, &consumer))
            }
            Request::ConsumerNames { stream, offset } => (Kind::ConsumerNames, self.consumer_names(&stream, offset)),
            Request::ConsumerList { stream, offset } => (Kind::ConsumerList, self.consumer_list(&stream, offset)),
            Request::ConsumerPause { stream, consumer, until } => {
                (Kind::ConsumerPause, self.pause(&stream, &consumer, until.map(super::info::timestamp)))
            }
            _ => (Kind::System, Err(ErrorCode::BadRequest.error())),
        }
    }
}

fn is_of_service(from: Option<&Origin>) -> bool {
    from.is_some_and(|origin| origin.identity.service.is_some())
}

/// Tells a client what it is told where nobody answers.
pub(super) fn nobody(reply: &[u8], out: &mut Outgoing) {
    if !reply.is_empty() {
        out.messages.push(&Message { subject: reply, reply: None, headers: NOBODY, payload: b"" });
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
