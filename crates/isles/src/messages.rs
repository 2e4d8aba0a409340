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

/// What there is of it. As long as no service has to do with messages, nothing runs and nothing is waited for.
pub(crate) struct Started {
    /// The server of this process.
    pub(crate) server: Option<Arc<dyn Messages>>,
    /// The streams, wherever they are.
    pub(crate) streams: ServiceStreams,
}

/// Starts the server, or connects to the one that there is, and makes every stream that the manifest asks for.
pub(crate) async fn start(
    buckets: &Arc<Buckets>,
    system: &System,
    folder: &Path,
    clock: Arc<dyn Clock>,
    resumed: bool,
) -> anyhow::Result<Started> {
    let are_used = system.services.values().any(Service::uses_messages);
    if let Some(nats) = &system.nats {
        let ca = nats.ca.as_ref().map(|ca| folder.join(ca));
        let streams = connect(&nats.url, ca, system, are_used && !resumed).await?;
        return Ok(Started { server: None, streams });
    }
    let server = MessageServer::new(buckets, &system.name, clock, fastrand::u64(..));
    let streams = ServiceStreams { topics: server.topics(), buckets: server.buckets(), server: Some(server.clone()) };
    if are_used {
        server.start().await?;
        Ensure(streams.topics.clone()).all(system).await?;
    }
    Ok(Started { server: Some(server), streams })
}

/// Where the system is up already, or does not need the server yet, it goes on without it until it is there.
async fn connect(
    url: &NatsUrl,
    ca: Option<PathBuf>,
    system: &System,
    is_needed: bool,
) -> anyhow::Result<ServiceStreams> {
    let external = if is_needed { External::connect(url, ca).await? } else { External::resume(url, ca).await? };
    let streams = ServiceStreams { topics: external.topics(), buckets: external.buckets(), server: None };
    if is_needed {
        Ensure(streams.topics.clone()).all(system).await?;
    }
    Ok(streams)
}
