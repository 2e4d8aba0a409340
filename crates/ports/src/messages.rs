//! Messages: the server that services reach at `$NATS_URL`.

use std::{net::TcpStream, sync::Arc, time::Duration};

use async_trait::async_trait;
use model::{Denial, InstanceId, Slot, spec::System};

/// Serves messages.
#[async_trait]
pub trait Messages: Send + Sync + 'static {
    /// Serves a connection that has been attested to be of a slot, and of which instance there if the host tells; one of a slot
    /// that was not admitted is closed. The socket does not block.
    async fn serve(&self, socket: TcpStream, slot: &Slot, instance: Option<InstanceId>);
    /// The instances of a slot are of this release of the system: they may do what it says, and what they publish to topics tells
    /// its number. Connections that there are keep their rights, and tell the number too.
    fn admit(&self, slot: &Slot, release: u64, system: &Arc<System>);
    /// The slot is gone.
    fn dismiss(&self, slot: &Slot);
    /// What the services whose slots are there were not allowed to do, a bounded list.
    fn denials(&self) -> Vec<Denial>;
    /// Gives nothing new to an instance's consumers. Returns when it has acknowledged what it got, or after so long.
    async fn drain(&self, instance: &InstanceId, limit: Duration);
    /// Tells a connection why it is not served, and closes it. The socket does not block.
    async fn refuse(&self, socket: TcpStream, why: &str);
    /// Stops: clients get what waits for them, then their connections end.
    async fn stop(&self);
}
