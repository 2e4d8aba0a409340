//! The external engine: JetStream of a NATS server that somebody else runs, reached through `async-nats`.

use std::{
    error::Error as _,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use async_nats::{
    ConnectErrorKind, ConnectOptions, HeaderMap, Request, RequestError, RequestErrorKind, connection::State,
};
use async_trait::async_trait;
use model::{Login, NatsUrl};
use ports::streams::{Capabilities, Durability, Headers, KeyValue, StreamsError, Topics};
use tokio_rustls::rustls::{
    self,
    pki_types::{CertificateDer, pem::PemObject},
};

use crate::{
    client::{Client, Link},
    engine::Wish,
};

/// How long the server may take to let us in.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long it may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why a NATS server cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// It lets nobody in with this user and password, or token, or without one.
    #[error("the NATS server at {0} does not let Isles in: the user and the password are wrong, or it asks for some")]
    Login(String),
    /// The file of certificates is of no use.
    #[error("`ca` of `[streams]` cannot be used: {path}: {cause}")]
    Ca {
        /// The file.
        path: String,
        /// What is wrong with it.
        cause: String,
    },
    /// TLS does not come about.
    #[error("the NATS server at {place} cannot be spoken to with TLS: {cause}")]
    Tls {
        /// The server.
        place: String,
        /// Why not.
        cause: String,
    },
    /// There is none.
    #[error("the NATS server at {place} cannot be reached: {cause}")]
    Unreachable {
        /// The server.
        place: String,
        /// Why not.
        cause: String,
    },
    /// It is there, and is of no use for streams.
    #[error("the NATS server at {0} cannot be used: {1}")]
    Account(String, StreamsError),
}

impl ConnectError {
    /// What a person can do.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Login(_) => "write its user and password into `url` of `[streams]`: nats://USER:PASSWORD@HOST:PORT",
            Self::Ca { .. } => "name a file with the certificates that the server's own descends from, in PEM",
            Self::Tls { .. } => {
                "name the certificate that the server's own descends from with `ca` in `[streams]`, use a host that its own is for, or \
                 write nats:// if it has no TLS"
            }
            Self::Unreachable { .. } => "start it, or correct `url` in `[streams]`",
            Self::Account(..) => "let it serve JetStream (`nats-server --jetstream`), and Isles' user all of it",
        }
    }
}

/// The streams of a NATS server. Its connection is made anew for as long as this lives.
#[derive(Clone)]
pub struct External(Client);

impl External {
    /// Connects to a server, whose certificate descends from those in the file `ca`, or from those that the host trusts.
    ///
    /// # Errors
    /// See [`ConnectError`].
    pub async fn connect(url: &NatsUrl, ca: Option<PathBuf>) -> Result<Self, ConnectError> {
        ca.as_deref().map_or(Ok(()), check_ca)?;
        let external = Self::with(url, ca, options()).await?;
        external.0.check_account().await.map_err(|error| ConnectError::Account(url.place(), error))?;
        Ok(external)
    }

    /// As [`External::connect`], without waiting for the server: until it is there, nothing can be done.
    ///
    /// # Errors
    /// When the URL cannot be used at all.
    pub async fn resume(url: &NatsUrl, ca: Option<PathBuf>) -> Result<Self, ConnectError> {
        Self::with(url, ca, options().retry_on_initial_connect()).await
    }

    async fn with(url: &NatsUrl, ca: Option<PathBuf>, options: ConnectOptions) -> Result<Self, ConnectError> {
        let options = match url.login() {
            Some(Login::User { name, password }) => options.user_and_password(name, password),
            Some(Login::Token(token)) => options.token(token),
            None => options,
        };
        let options = match ca {
            Some(ca) => options.add_root_certificates(ca),
            None => options,
        };
        let place = url.place();
        let client = options.connect(url.as_str()).await.map_err(|error| refused(&place, &error))?;
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

fn refused(place: &str, error: &async_nats::ConnectError) -> ConnectError {
    let (place, source) = (place.to_owned(), error.source());
    let cause = source.map_or_else(|| error.to_string(), ToString::to_string);
    let io = source.and_then(|source| source.downcast_ref::<io::Error>()).and_then(io::Error::get_ref);
    match error.kind() {
        ConnectErrorKind::AuthorizationViolation | ConnectErrorKind::Authentication => ConnectError::Login(place),
        ConnectErrorKind::Tls => ConnectError::Tls { place, cause },
        _ if io.is_some_and(|inner| inner.is::<rustls::Error>()) => ConnectError::Tls { place, cause },
        _ => ConnectError::Unreachable { place, cause },
    }
}

fn check_ca(path: &Path) -> Result<(), ConnectError> {
    let broken = |cause: String| ConnectError::Ca { path: path.display().to_string(), cause };
    let text = fs::read(path).map_err(|error| broken(error.to_string()))?;
    let has_one = CertificateDer::pem_slice_iter(&text).next().is_some_and(|found| found.is_ok());
    if has_one { Ok(()) } else { Err(broken("there is no certificate in it".into())) }
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
