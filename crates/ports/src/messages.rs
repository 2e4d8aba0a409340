//! Messages: the server that services reach at `$NATS_URL`.

use std::{net::TcpStream, time::Duration};

use async_trait::async_trait;
use model::{InstanceId, Slot, spec::System};

/// Serves messages.
#[async_trait]
pub trait Messages: Send + Sync + 'static {
    /// Serves a connection that has been attested to be of a slot, and of which instance there if the host tells. The socket does
    /// not block.
    async fn serve(&self, socket: TcpStream, slot: &Slot, instance: Option<InstanceId>);
    /// From now on the instances of the system's services may do what it says; connections that there are, and services that it
    /// has not, keep what they had.
    fn allow(&self, system: &System);
    /// The instances of a slot are of this release: what they publish to topics says so. `None`: the slot is gone.
    fn release(&self, slot: &Slot, release: Option<u64>);
    /// Gives nothing new to an instance's consumers. Returns when it has acknowledged what it got, or after so long.
    async fn drain(&self, instance: &InstanceId, limit: Duration);
    /// Tells a connection why it is not served, and closes it. The socket does not block.
    async fn refuse(&self, socket: TcpStream, why: &str);
    /// Stops: clients get what waits for them, then their connections end.
    async fn stop(&self);
}
