//! The external engine: JetStream of a NATS server that somebody else runs, reached through `async-nats`.

use std::{sync::Arc, time::Duration};

use async_nats::{
    ConnectErrorKind, ConnectOptions, HeaderMap, Request, RequestError, RequestErrorKind, connection::State,
};
use async_trait::async_trait;
use model::NatsUrl;
use ports::streams::{Capabilities, Durability, Headers, KeyValue, StreamsError, Topics};

use crate::{
    client::{Client, Link},
    engine::Wish,
};

/// How long the server may take to let us in.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long it may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// The streams of a NATS server. Its connection is made anew for as long as this lives.
#[derive(Clone)]
pub struct External(Client<Remote>);

impl External {
    /// Connects to a server.
    ///
    /// # Errors
    /// When there is none, it lets nobody in, or it does not serve JetStream.
    pub async fn connect(url: &NatsUrl) -> Result<Self, StreamsError> {
        let external = Self::with(url, options()).await?;
        external.0.check_account().await?;
        Ok(external)
    }

    /// As [`External::connect`], without waiting for the server: until it is there, nothing can be done.
    ///
    /// # Errors
    /// When the URL cannot be used at all.
    pub async fn resume(url: &NatsUrl) -> Result<Self, StreamsError> {
        Self::with(url, options().retry_on_initial_connect()).await
    }

    async fn with(url: &NatsUrl, options: ConnectOptions) -> Result<Self, StreamsError> {
        let place = url.place();
        let client = options.connect(url.as_str()).await.map_err(|error| {
            let cause = match error.kind() {
                ConnectErrorKind::AuthorizationViolation => "it asks for a user and a password, or others".to_owned(),
                _ => error.to_string(),
            };
            StreamsError::Unreachable(format!("the NATS server at {place} cannot be used: {cause}"))
        })?;
        Ok(Self(Client::new(Remote { client, place })))
    }

    /// Its streams.
    pub fn topics(&self) -> Arc<dyn Topics> {
        Arc::new(self.0.clone())
    }

    /// Its buckets.
    pub fn buckets(&self) -> Arc<dyn KeyValue> {
        Arc::new(self.0.clone())
    }
}

fn options() -> ConnectOptions {
    ConnectOptions::new().name("isles").connection_timeout(CONNECT_TIMEOUT).request_timeout(Some(PATIENCE))
}

struct Remote {
    client: async_nats::Client,
    place: String,
}

impl Remote {
    fn unreachable(&self, cause: &str) -> StreamsError {
        StreamsError::Unreachable(format!("the NATS server at {} {cause}", self.place))
    }

    fn failed(&self, error: &RequestError) -> StreamsError {
        match error.kind() {
            RequestErrorKind::TimedOut => self.unreachable("does not answer"),
            RequestErrorKind::InvalidSubject => StreamsError::Invalid("no subject of NATS".into()),
            RequestErrorKind::MaxPayloadExceeded => {
                StreamsError::Invalid(format!("a message has at most {} bytes there", self.client.max_payload()))
            }
            _ => self.unreachable(&format!("cannot be asked: {error}")),
        }
    }
}

#[async_trait]
impl Link for Remote {
    /// Whether an acknowledged message is synced is the server's setting `sync_interval`, which it does not tell; by default it is not.
    fn capabilities(&self) -> Capabilities {
        let since = |minor| self.client.is_server_compatible(2, minor, 0);
        Capabilities {
            durability: Durability::Written,
            atomic_across_streams: false,
            ttl: since(11),
            schedule: since(12),
            redelivery: false,
            rewind: false,
        }
    }

    async fn request(
        &self,
        subject: &str,
        headers: &Headers,
        payload: Vec<u8>,
    ) -> Result<Option<Vec<u8>>, StreamsError> {
        // Otherwise the request would wait for the next connection.
        if self.client.connection_state() != State::Connected {
            return Err(self.unreachable("cannot be reached"));
        }
        let mut request = Request::new().payload(payload.into());
        if !headers.is_empty() {
            let mut map = HeaderMap::new();
            headers.iter().for_each(|(name, value)| map.append(name.as_str(), value.as_str()));
            request = request.headers(map);
        }
        match self.client.send_request(subject.to_owned(), request).await {
            Ok(answer) => Ok(Some(answer.payload.into())),
            Err(error) if error.kind() == RequestErrorKind::NoResponders => Ok(None),
            Err(error) => Err(self.failed(&error)),
        }
    }

    async fn ask_inside(&self, _: Wish) -> Result<Option<Vec<u8>>, StreamsError> {
        Ok(None)
    }
}
