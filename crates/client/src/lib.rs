//! The typed client of the control API: one method for each of [`model::api::ENDPOINTS`].
//!
//! Each call has a connection of its own and starts no task, so dropping a call or a stream ends it.

mod answer;
mod buckets;
mod connect;
mod encode;
mod error;
mod exchange;
mod lines;
mod releases;
mod topics;

use std::path::PathBuf;

use bytes::Bytes;
use hyper::{HeaderMap, Method, Request};
use model::{
    ServiceName,
    api::{Accepted, LogLine, LogQuery, Scale, Why},
    figures::ConnectionFigures,
    status::{ServiceStatus, SystemStatus},
};
use serde::{Serialize, de::DeserializeOwned};

pub use answer::Answer;
pub use error::ClientError;
pub use hyper::{HeaderMap as Headers, Method as HttpMethod, StatusCode, header};
pub use lines::Lines;
pub use releases::Deployed;

use exchange::Exchange;

/// A client of one running system.
#[derive(Debug, Clone)]
pub struct Client {
    socket: PathBuf,
}

/// A request to a service, sent through the mesh.
#[derive(Debug, Clone)]
pub struct Call {
    /// The method.
    pub method: Method,
    /// Path and query as the service shall see them; what a URI may not contain is percent-encoded.
    pub path: String,
    /// Header fields.
    pub headers: HeaderMap,
    /// The body; empty for none.
    pub body: Bytes,
}

impl Client {
    /// A client of the system whose API listens on this Unix socket. The path may be longer than a socket's path may be
    /// (107 bytes, `unix(7)`). Nothing is opened before the first call.
    pub fn new(socket: impl Into<PathBuf>) -> Self {
        Self { socket: socket.into() }
    }

    /// The state of the system.
    ///
    /// # Errors
    /// See [`ClientError`]; so too for every other method.
    pub async fn system(&self) -> Result<SystemStatus, ClientError> {
        self.get("/v1/system").await
    }

    /// The state of the system now and after every change.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn watch(&self) -> Result<Lines<SystemStatus>, ClientError> {
        self.lines("/v1/system/watch").await
    }

    /// Asks the system to stop; answers as soon as stopping has begun.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn down(&self) -> Result<Accepted, ClientError> {
        self.post("/v1/system/down", None::<&()>).await
    }

    /// The state of one service.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn service(&self, service: &ServiceName) -> Result<ServiceStatus, ClientError> {
        self.get(&format!("/v1/services/{service}")).await
    }

    /// Why a service is as it is.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn why(&self, service: &ServiceName) -> Result<Why, ClientError> {
        self.get(&format!("/v1/services/{service}/why")).await
    }

    /// Replaces every instance of a service; answers when it is done.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn restart(&self, service: &ServiceName) -> Result<ServiceStatus, ClientError> {
        self.post(&format!("/v1/services/{service}/restart"), None::<&()>).await
    }

    /// Sets the number of instances of a service; answers when it is reached.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn scale(&self, service: &ServiceName, replicas: Option<u32>) -> Result<ServiceStatus, ClientError> {
        self.post(&format!("/v1/services/{service}/scale"), Some(&Scale { replicas })).await
    }

    /// The figures of every connection, or of those by which a service is called or calls.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn connections(&self, service: Option<&ServiceName>) -> Result<Vec<ConnectionFigures>, ClientError> {
        let query = service.map(|service| format!("?service={service}")).unwrap_or_default();
        self.get(&format!("/v1/connections{query}")).await
    }

    /// The figures in the text format of Prometheus.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn metrics(&self) -> Result<Vec<u8>, ClientError> {
        self.send(request(Method::GET, "/metrics", Bytes::new())?).await?.successful().await?.bytes().await
    }

    /// Log lines, merged by time.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn logs(&self, query: &LogQuery) -> Result<Lines<LogLine>, ClientError> {
        self.lines(&format!("/v1/logs{}", encode::log_query(query))).await
    }

    /// Sends a request to a service and gives back its answer, whatever its status: a service's refusal is no error here.
    ///
    /// # Errors
    /// See [`ClientError`]; [`ClientError::Request`] when the path cannot be part of a URI.
    pub async fn call(&self, service: &ServiceName, call: Call) -> Result<Answer, ClientError> {
        let path = encode::path(call.path.strip_prefix('/').unwrap_or(&call.path));
        let mut request = request(call.method, &format!("/v1/services/{service}/call/{path}"), call.body)?;
        for (name, value) in &call.headers {
            request.headers_mut().append(name, value.clone());
        }
        self.send(request).await.map(Answer::new)
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        self.send(request(Method::GET, path, Bytes::new())?).await?.json().await
    }

    async fn post<T: DeserializeOwned>(&self, path: &str, body: Option<&impl Serialize>) -> Result<T, ClientError> {
        self.with_body(Method::POST, path, body).await
    }

    async fn with_body<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&impl Serialize>,
    ) -> Result<T, ClientError> {
        self.exchange(method, path, body).await?.json().await
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        body: Option<&impl Serialize>,
    ) -> Result<Exchange, ClientError> {
        let bytes = body.map(serde_json::to_vec).transpose().map_err(|e| ClientError::Request(e.to_string()))?;
        let mut request = request(method, path, bytes.unwrap_or_default().into())?;
        if body.is_some() {
            request.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
        }
        self.send(request).await
    }

    async fn lines<T: DeserializeOwned>(&self, path: &str) -> Result<Lines<T>, ClientError> {
        let exchange = self.send(request(Method::GET, path, Bytes::new())?).await?;
        Ok(Lines::new(exchange.successful().await?))
    }

    async fn send(&self, mut request: Request<exchange::RequestBody>) -> Result<Exchange, ClientError> {
        request.headers_mut().entry(header::HOST).or_insert(header::HeaderValue::from_static("isles"));
        Exchange::begin(connect::connect(&self.socket).await?, request).await
    }
}

fn request(method: Method, path: &str, body: Bytes) -> Result<Request<exchange::RequestBody>, ClientError> {
    Request::builder()
        .method(method)
        .uri(path)
        .body(body.into())
        .map_err(|error| ClientError::Request(format!("`{path}`: {error}")))
}
