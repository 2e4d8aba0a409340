//! The way to a server.

use async_trait::async_trait;
use ports::streams::{Capabilities, Headers, StreamsError};
use wire::nats::{write_field, write_headers_end, write_status};

use crate::engine::Wish;

/// A way to a server that speaks JetStream.
#[async_trait]
pub(crate) trait Link: Send + Sync + 'static {
    /// What the server can do.
    fn capabilities(&self) -> Capabilities;
    /// Asks, and returns the payload of the answer; `None` if nobody takes the subject.
    async fn request(
        &self,
        subject: &str,
        headers: &Headers,
        payload: Vec<u8>,
    ) -> Result<Option<Vec<u8>>, StreamsError>;
    /// Asks what no client may ask, and returns the payload of the answer; `None` from a server that is not of this process.
    async fn ask_inside(&self, wish: Wish) -> Result<Option<Vec<u8>>, StreamsError>;
}

/// Headers as the protocol writes them; empty without any.
pub(crate) fn block(headers: &Headers) -> Vec<u8> {
    let mut block = Vec::new();
    if !headers.is_empty() {
        write_status(None, &mut block);
        headers.iter().for_each(|(name, value)| write_field(name, value.as_bytes(), &mut block));
        write_headers_end(&mut block);
    }
    block
}
