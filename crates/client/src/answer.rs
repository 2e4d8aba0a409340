use bytes::Bytes;
use hyper::{HeaderMap, StatusCode};
use model::Problem;

use crate::{ClientError, exchange::Exchange};

/// The header that names the reason of an answer which Isles itself made.
const REASON_HEADER: &str = "x-isles-reason";

/// The answer to a [`crate::Call`], its body still to be read.
pub struct Answer {
    exchange: Exchange,
}

impl Answer {
    pub(crate) fn new(exchange: Exchange) -> Self {
        Self { exchange }
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        self.exchange.answer.status()
    }

    /// The header fields.
    pub fn headers(&self) -> &HeaderMap {
        self.exchange.answer.headers()
    }

    /// Whether Isles answered, not the service.
    pub fn is_from_isles(&self) -> bool {
        self.headers().contains_key(REASON_HEADER)
    }

    /// The next piece of the body; `None` at its end. May be cancelled without loss.
    ///
    /// # Errors
    /// [`ClientError::Lost`] when the connection broke.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, ClientError> {
        self.exchange.chunk().await
    }

    /// The whole body.
    ///
    /// # Errors
    /// [`ClientError::Lost`] when the connection broke, [`ClientError::Protocol`] when it is larger than 64 MiB.
    pub async fn bytes(self) -> Result<Vec<u8>, ClientError> {
        self.exchange.bytes().await
    }

    /// The problem that Isles answered with (see [`Answer::is_from_isles`]).
    ///
    /// # Errors
    /// [`ClientError::Protocol`] when the body is not a problem.
    pub async fn problem(self) -> Result<Problem, ClientError> {
        crate::exchange::parse(&self.bytes().await?)
    }
}
