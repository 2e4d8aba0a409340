//! Requests of the API, each with its body read and everything checked that needs no state.

use jiff::Timestamp;
use serde::de::DeserializeOwned;

use super::{
    ApiError, ConsumerCreate, ErrorCode, Kind, MessageDelete, MessageGet, Next, Purge, Status, StreamConfig,
    StreamDetailsRequest, StreamsRequest,
    bodies::{ConsumersRequest, PauseRequest},
    body,
    consumer_create::Form,
    endpoint::Endpoint,
    name, support,
};

/// How the API is set up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Api {
    /// The server's domain, an alias in subjects.
    pub domain: Option<String>,
    /// Whether keys that nobody knows are refused in every body.
    pub strict: bool,
    /// The level that the server keeps to; a request may ask for less or as much.
    pub level: u8,
}

/// A message to the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Call<'a> {
    /// Its subject.
    pub subject: &'a str,
    /// The value of its header `Nats-Required-Api-Level`.
    pub required_level: Option<&'a str>,
    /// Its body.
    pub body: &'a [u8],
}

/// What a client asks for.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the names are the protocol's, and the types tell")]
pub enum Request {
    AccountInfo,
    StreamCreate { config: StreamConfig, pedantic: bool },
    StreamUpdate { config: StreamConfig, pedantic: bool },
    StreamDelete { stream: String },
    StreamInfo { stream: String, details: StreamDetailsRequest },
    StreamPurge { stream: String, purge: Purge },
    StreamNames(StreamsRequest),
    StreamList(StreamsRequest),
    MessageGet { stream: String, get: MessageGet },
    MessageDelete { stream: String, delete: MessageDelete },
    DirectGet { stream: String, get: MessageGet },
    ConsumerCreate { stream: String, create: ConsumerCreate },
    ConsumerInfo { stream: String, consumer: String },
    ConsumerDelete { stream: String, consumer: String },
    ConsumerNames { stream: String, offset: i64 },
    ConsumerList { stream: String, offset: i64 },
    ConsumerNext { stream: String, consumer: String, next: Next },
    ConsumerPause { stream: String, consumer: String, until: Option<Timestamp> },
}

impl Request {
    /// Whether it makes, changes or deletes a stream.
    pub(crate) fn changes_stream(&self) -> bool {
        matches!(self, Self::StreamCreate { .. } | Self::StreamUpdate { .. } | Self::StreamDelete { .. })
    }

    /// The stream and the name of the consumer that it is about; the name of a new one may be empty.
    pub fn consumer(&self) -> Option<(&str, &str)> {
        match self {
            Self::ConsumerCreate { stream, create } => Some((stream, &create.config.name)),
            Self::ConsumerInfo { stream, consumer }
            | Self::ConsumerDelete { stream, consumer }
            | Self::ConsumerNext { stream, consumer, .. }
            | Self::ConsumerPause { stream, consumer, .. } => Some((stream, consumer)),
            _ => None,
        }
    }
}

/// Why a request is not carried out, and how that is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// With JSON: see [`Kind::failed`].
    Failed(Kind, ApiError),
    /// With a status.
    Status(Status),
    /// Not at all: it is for the operators of a cluster.
    Silence,
}

impl Api {
    /// Reads a request; `None` if the subject is not one of the API.
    ///
    /// # Errors
    /// The refusal of what is malformed or not supported.
    pub fn parse(&self, call: &Call<'_>) -> Option<Result<Request, Refusal>> {
        let endpoint = Endpoint::parse(call.subject, self.domain.as_deref())?;
        Some(self.read(endpoint, call))
    }

    fn read(&self, endpoint: Endpoint<'_>, call: &Call<'_>) -> Result<Request, Refusal> {
        match endpoint {
            Endpoint::DirectGet(stream) => self.direct(call, |get| get.check_direct().map(|()| get), true, stream),
            Endpoint::DirectGetLast(stream, subject) => self.direct(call, |get| get.last(subject), false, stream),
            Endpoint::ConsumerNext(stream, consumer) => {
                self.check_level(call).map_err(|_| Refusal::Status(Status::RequiredApiLevel))?;
                let next = Next::parse(call.body).map_err(Refusal::Status)?;
                Ok(Request::ConsumerNext { stream: stream.into(), consumer: consumer.into(), next })
            }
            Endpoint::System => Err(Refusal::Silence),
            _ => {
                let read = self.check_level(call).and_then(|()| self.answered_with_json(endpoint, call.body));
                read.map_err(|error| Refusal::Failed(kind(endpoint), error))
            }
        }
    }

    fn direct(
        &self,
        call: &Call<'_>,
        check: impl FnOnce(MessageGet) -> Result<MessageGet, Status>,
        needs_body: bool,
        stream: &str,
    ) -> Result<Request, Refusal> {
        self.check_level(call).map_err(|_| Refusal::Status(Status::RequiredApiLevel))?;
        if needs_body && call.body.is_empty() {
            return Err(Refusal::Status(Status::EmptyRequest));
        }
        let get = body::decode(call.body, false).map_err(|_| Refusal::Status(Status::MalformedRequest))?;
        let get = check(get).map_err(Refusal::Status)?;
        Ok(Request::DirectGet { stream: stream.into(), get })
    }

    fn answered_with_json(&self, endpoint: Endpoint<'_>, body: &[u8]) -> Result<Request, ApiError> {
        match endpoint {
            Endpoint::AccountInfo => Ok(Request::AccountInfo),
            Endpoint::StreamCreate(stream) => {
                let (config, pedantic) = self.stream_config(stream, body)?;
                Ok(Request::StreamCreate { config, pedantic })
            }
            Endpoint::StreamUpdate(stream) => {
                let (config, pedantic) = self.stream_config(stream, body)?;
                Ok(Request::StreamUpdate { config, pedantic })
            }
            Endpoint::StreamNames => self.optional(body).map(Request::StreamNames),
            Endpoint::StreamList => self.optional(body).map(Request::StreamList),
            Endpoint::StreamDelete(stream) => {
                without_body(body)?;
                Ok(Request::StreamDelete { stream: stream.into() })
            }
            Endpoint::StreamInfo(stream) => {
                Ok(Request::StreamInfo { stream: stream.into(), details: self.optional(body)? })
            }
            Endpoint::StreamPurge(stream) => {
                let purge: Purge = self.optional(body)?;
                purge.check()?;
                Ok(Request::StreamPurge { stream: stream.into(), purge })
            }
            Endpoint::MessageGet(stream) => {
                let get: MessageGet = self.required(body)?;
                get.check()?;
                Ok(Request::MessageGet { stream: stream.into(), get })
            }
            Endpoint::MessageDelete(stream) => {
                Ok(Request::MessageDelete { stream: stream.into(), delete: self.required(body)? })
            }
            other => self.of_consumer(other, body),
        }
    }

    fn of_consumer(&self, endpoint: Endpoint<'_>, body: &[u8]) -> Result<Request, ApiError> {
        let create = |stream: &str, form: Form<'_>| {
            let create = ConsumerCreate::parse(stream, form, body, self.strict)?;
            Ok(Request::ConsumerCreate { stream: stream.into(), create })
        };
        match endpoint {
            Endpoint::ConsumerCreate(stream) => create(stream, Form::Ephemeral),
            Endpoint::ConsumerCreateDurable(stream, name) => create(stream, Form::Durable(name)),
            Endpoint::ConsumerCreateNamed(stream, name, filter) => create(stream, Form::Named(name, filter)),
            Endpoint::ConsumerInfo(stream, consumer) => {
                without_body(body)?;
                Ok(Request::ConsumerInfo { stream: stream.into(), consumer: consumer.into() })
            }
            Endpoint::ConsumerDelete(stream, consumer) => {
                without_body(body)?;
                Ok(Request::ConsumerDelete { stream: stream.into(), consumer: consumer.into() })
            }
            Endpoint::ConsumerNames(stream) => {
                let ConsumersRequest { offset } = self.optional(body)?;
                Ok(Request::ConsumerNames { stream: stream.into(), offset })
            }
            Endpoint::ConsumerList(stream) => {
                let ConsumersRequest { offset } = self.optional(body)?;
                Ok(Request::ConsumerList { stream: stream.into(), offset })
            }
            Endpoint::ConsumerPause(stream, consumer) => {
                let until = self.optional::<PauseRequest>(body)?.pause_until.0;
                Ok(Request::ConsumerPause { stream: stream.into(), consumer: consumer.into(), until })
            }
            other => Err(unsupported(other)),
        }
    }

    fn stream_config(&self, stream: &str, body: &[u8]) -> Result<(StreamConfig, bool), ApiError> {
        let (config, pedantic) = body::decode_pedantic::<StreamConfig>(body, self.strict)?;
        if config.name != stream {
            return Err(ErrorCode::StreamMismatch.error());
        }
        name::check_stream(stream)?;
        support::check_stream(&config)?;
        Ok((config, pedantic))
    }

    fn optional<T: DeserializeOwned + Default>(&self, body: &[u8]) -> Result<T, ApiError> {
        body::decode_optional(body, self.strict)
    }

    fn required<T: DeserializeOwned + Default>(&self, body: &[u8]) -> Result<T, ApiError> {
        if body::is_empty(body) {
            return Err(ErrorCode::BadRequest.error());
        }
        body::decode(body, self.strict)
    }

    fn check_level(&self, call: &Call<'_>) -> Result<(), ApiError> {
        let is_met = |level: &str| level.parse::<i64>().is_ok_and(|level| level <= self.level.into());
        if call.required_level.is_none_or(is_met) { Ok(()) } else { Err(ErrorCode::RequiredApiLevel.error()) }
    }
}

fn without_body(body: &[u8]) -> Result<(), ApiError> {
    if body::is_empty(body) { Ok(()) } else { Err(ErrorCode::NotEmptyRequest.error()) }
}

fn unsupported(endpoint: Endpoint<'_>) -> ApiError {
    match endpoint {
        Endpoint::StreamSnapshot => ErrorCode::StreamSnapshot.because("snapshots are not supported"),
        Endpoint::StreamRestore => ErrorCode::StreamRestore.because("snapshots are not supported"),
        Endpoint::ConsumerReset => ErrorCode::ConsumerInvalidReset.because("resets are not supported"),
        Endpoint::ConsumerUnpin => ErrorCode::ConsumerInvalidPriorityGroup.error(),
        Endpoint::StreamPeerRemove | Endpoint::StreamStepdown | Endpoint::ConsumerStepdown => {
            ErrorCode::ClusterRequired.error()
        }
        _ => ErrorCode::BadRequest.error(),
    }
}

fn kind(endpoint: Endpoint<'_>) -> Kind {
    match endpoint {
        Endpoint::AccountInfo => Kind::AccountInfo,
        Endpoint::StreamCreate(_) => Kind::StreamCreate,
        Endpoint::StreamUpdate(_) => Kind::StreamUpdate,
        Endpoint::StreamDelete(_) => Kind::StreamDelete,
        Endpoint::StreamInfo(_) => Kind::StreamInfo,
        Endpoint::StreamPurge(_) => Kind::StreamPurge,
        Endpoint::StreamNames => Kind::StreamNames,
        Endpoint::StreamList => Kind::StreamList,
        Endpoint::StreamSnapshot => Kind::StreamSnapshot,
        Endpoint::StreamRestore => Kind::StreamRestore,
        Endpoint::StreamPeerRemove => Kind::StreamRemovePeer,
        Endpoint::StreamStepdown => Kind::StreamLeaderStepdown,
        Endpoint::MessageGet(_) => Kind::MessageGet,
        Endpoint::MessageDelete(_) => Kind::MessageDelete,
        Endpoint::ConsumerCreate(_) | Endpoint::ConsumerCreateNamed(..) | Endpoint::ConsumerCreateDurable(..) => {
            Kind::ConsumerCreate
        }
        Endpoint::ConsumerInfo(..) => Kind::ConsumerInfo,
        Endpoint::ConsumerDelete(..) => Kind::ConsumerDelete,
        Endpoint::ConsumerNames(_) => Kind::ConsumerNames,
        Endpoint::ConsumerList(_) => Kind::ConsumerList,
        Endpoint::ConsumerPause(..) => Kind::ConsumerPause,
        Endpoint::ConsumerReset => Kind::ConsumerReset,
        Endpoint::ConsumerUnpin => Kind::ConsumerUnpin,
        Endpoint::ConsumerStepdown => Kind::ConsumerLeaderStepdown,
        // These are answered by a status, or not at all.
        Endpoint::DirectGet(_) | Endpoint::DirectGetLast(..) | Endpoint::ConsumerNext(..) | Endpoint::System => {
            Kind::System
        }
        Endpoint::Unknown => Kind::System,
    }
}

#[cfg(test)]
mod tests;
