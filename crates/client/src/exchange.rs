//! One request and its answer on a connection of their own.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Request, Response,
    body::{Body, Incoming},
    client::conn::http1,
};
use hyper_util::rt::TokioIo;
use model::Problem;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;

use crate::ClientError;

/// The largest answer that is read into memory, in bytes.
pub(crate) const ANSWER_BYTES_MAX: usize = 64 << 20;

pub(crate) type RequestBody = Full<Bytes>;
type Connection = http1::Connection<TokioIo<UnixStream>, RequestBody>;

/// An answer whose head has arrived. Reading its body drives its connection.
pub(crate) struct Exchange {
    connection: Option<Connection>,
    pub(crate) answer: Response<Incoming>,
}

impl Exchange {
    /// Sends a request and awaits the head of its answer.
    pub(crate) async fn begin(stream: UnixStream, request: Request<RequestBody>) -> Result<Self, ClientError> {
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let mut connection = Some(connection);
        let mut answer = Box::pin(sender.send_request(request));
        let answer = poll_fn(|context| {
            drive(&mut connection, context);
            answer.as_mut().poll(context)
        })
        .await?;
        Ok(Self { connection, answer })
    }

    /// The next piece of the body; `None` at its end. May be cancelled without loss.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>, ClientError> {
        loop {
            let frame = poll_fn(|context| {
                drive(&mut self.connection, context);
                Pin::new(self.answer.body_mut()).poll_frame(context)
            })
            .await
            .transpose()?;
            match frame.map(hyper::body::Frame::into_data) {
                Some(Ok(data)) => return Ok(Some(data)),
                Some(Err(_trailers)) => {}
                None => return Ok(None),
            }
        }
    }

    /// The whole body.
    pub(crate) async fn bytes(mut self) -> Result<Vec<u8>, ClientError> {
        let mut bytes = Vec::new();
        while let Some(chunk) = self.chunk().await? {
            if bytes.len() + chunk.len() > ANSWER_BYTES_MAX {
                return Err(ClientError::Protocol(format!("it is larger than {} MiB", ANSWER_BYTES_MAX >> 20)));
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }

    /// The body as a value.
    pub(crate) async fn json<T: DeserializeOwned>(self) -> Result<T, ClientError> {
        parse(&self.successful().await?.bytes().await?)
    }

    /// Itself if the status is 2xx, else the problem in the body.
    pub(crate) async fn successful(self) -> Result<Self, ClientError> {
        let status = self.answer.status();
        if status.is_success() {
            return Ok(self);
        }
        match serde_json::from_slice::<Problem>(&self.bytes().await?) {
            Ok(problem) => Err(ClientError::Api(Box::new(problem))),
            Err(_) => Err(ClientError::Protocol(format!("status {status} without a problem"))),
        }
    }
}

/// A value from JSON.
pub(crate) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ClientError> {
    serde_json::from_slice(bytes).map_err(|error| ClientError::Protocol(error.to_string()))
}

/// Moves the connection on. Its error is dropped here because the answer and its body report it too.
fn drive(connection: &mut Option<Connection>, context: &mut Context<'_>) {
    if let Some(open) = connection
        && let Poll::Ready(_end) = Pin::new(open).poll(context)
    {
        *connection = None;
    }
}
