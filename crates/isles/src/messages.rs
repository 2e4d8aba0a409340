//! Topics, buckets and object stores: in the server of this process, or in the one that the manifest names.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use control::{Ensure, ServiceStreams};
use model::{
    NatsUrl,
    spec::{Service, System},
};
use ports::{clock::Clock, messages::Messages};
use streams::{Buckets, External, MessageServer};

/// What there is of it; nothing if no service has to do with messages.
#[derive(Default)]
pub(crate) struct Started {
    /// The server of this process.
    pub(crate) server: Option<Arc<dyn Messages>>,
    /// The streams, wherever they are.
    pub(crate) streams: Option<ServiceStreams>,
}

/// Whether this process serves messages.
pub(crate) fn are_embedded(system: &System) -> bool {
    system.nats.is_none() && are_used(system)
}

fn are_used(system: &System) -> bool {
    system.services.values().any(Service::uses_messages)
}

/// Starts the server, or connects to the one that there is, and makes every stream that the manifest asks for.
pub(crate) async fn start(
    buckets: &Buckets,
    system: &System,
    folder: &Path,
    clock: Arc<dyn Clock>,
    resumed: bool,
) -> anyhow::Result<Started> {
    if !are_used(system) {
        return Ok(Started::default());
    }
    if let Some(nats) = &system.nats {
        let ca = nats.ca.as_ref().map(|ca| folder.join(ca));
        let streams = connect(&nats.url, ca, system, resumed).await?;
        return Ok(Started { server: None, streams: Some(streams) });
    }
    let server = MessageServer::start(buckets, system, clock, fastrand::u64(..)).await?;
    let streams = ServiceStreams { topics: server.topics(), buckets: server.buckets(), server: Some(server.clone()) };
    Ensure(streams.topics.clone()).all(system).await?;
    Ok(Started { server: Some(server), streams: Some(streams) })
}

/// Where the system is up already, it goes on without the server until that is back.
async fn connect(url: &NatsUrl, ca: Option<PathBuf>, system: &System, resumed: bool) -> anyhow::Result<ServiceStreams> {
    let external = if resumed { External::resume(url, ca).await? } else { External::connect(url, ca).await? };
    let streams = ServiceStreams { topics: external.topics(), buckets: external.buckets(), server: None };
    if !resumed {
        Ensure(streams.topics.clone()).all(system).await?;
    }
    Ok(streams)
}
