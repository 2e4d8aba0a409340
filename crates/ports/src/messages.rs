//! Messages: the server that services reach at `$NATS_URL`, and the streams behind topics, buckets and object stores.

use std::net::TcpStream;

use async_trait::async_trait;
use model::{Slot, streams::StreamConfig};

/// Why a stream is not as it shall be.
#[derive(Debug, thiserror::Error)]
pub enum MessagesError {
    /// It cannot be so; whoever asked must ask for something else.
    #[error("the stream `{stream}` cannot be as the manifest says: {cause}")]
    Refused {
        /// The stream.
        stream: String,
        /// Why.
        cause: String,
    },
    /// The server has stopped, or does not answer.
    #[error("the server of messages does not answer")]
    Stopped,
}

/// Serves messages.
#[async_trait]
pub trait Messages: Send + Sync + 'static {
    /// Makes a stream, or changes the one of this name; it is durable when this returns.
    async fn ensure(&self, stream: StreamConfig) -> Result<(), MessagesError>;
    /// Serves a connection that has been attested to be of the instance in a slot. The socket does not block.
    async fn serve(&self, socket: TcpStream, slot: &Slot);
    /// Tells a connection why it is not served, and closes it. The socket does not block.
    async fn refuse(&self, socket: TcpStream, why: &str);
    /// Stops: clients get what waits for them, then their connections end.
    async fn stop(&self);
}
