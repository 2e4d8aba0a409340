//! Messages: the server that services reach at `$NATS_URL`.

use std::net::TcpStream;

use async_trait::async_trait;
use model::Slot;

/// Serves messages.
#[async_trait]
pub trait Messages: Send + Sync + 'static {
    /// Serves a connection that has been attested to be of the instance in a slot. The socket does not block.
    async fn serve(&self, socket: TcpStream, slot: &Slot);
    /// Tells a connection why it is not served, and closes it. The socket does not block.
    async fn refuse(&self, socket: TcpStream, why: &str);
    /// Stops: clients get what waits for them, then their connections end.
    async fn stop(&self);
}
