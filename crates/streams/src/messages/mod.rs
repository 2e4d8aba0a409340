//! The server of messages in the platform: `ports::messages` over the NATS server and the streams of the node's journal.
//!
//! Its clients are the instances, each known by the address that it came in at, so none has to say who it is.

mod desk;
mod gate;
mod refusal;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    io,
    net::TcpStream,
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use logic::access::Access;
use model::{InstanceId, ServiceName, Slot, spec::System};
use ports::{
    clock::Clock,
    messages::Messages,
    streams::{KeyValue, StreamsError, Topics},
};

use crate::{
    Buckets,
    client::Client,
    engine::{self, OpenError},
    server::{self, Config, Handle, Identity, InboxRule, Listeners},
};
use desk::{Answers, Desk};
use gate::Gate;

/// Why the server of messages does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The node's journal cannot be opened.
    #[error(transparent)]
    Journal(#[from] StreamsError),
    /// The streams in it cannot be read.
    #[error("the streams of topics and buckets cannot be read: {0}")]
    Streams(#[from] OpenError),
    /// The host gives no thread.
    #[error("the server of messages cannot be started: {0}")]
    Host(#[from] io::Error),
}

/// The server, until it is stopped.
pub struct MessageServer {
    handle: Handle,
    client: Client,
    /// What the instances of each service may do.
    identities: RwLock<BTreeMap<ServiceName, Identity>>,
    /// The release of each slot, which its connections share.
    releases: Mutex<BTreeMap<Slot, Arc<AtomicU64>>>,
}

impl MessageServer {
    /// Starts it over the journal that holds the buckets. The seed chooses members of queue groups.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn start(
        buckets: &Buckets,
        system: &System,
        clock: Arc<dyn Clock>,
        seed: u64,
    ) -> Result<Arc<Self>, StartError> {
        let (engine, courier) = engine::open_in(buckets.journal().await?, clock.clone())?;
        let (inside, answers) = (engine.inside(), Answers::default());
        let services = vec![Box::new(engine) as Box<dyn server::Service>, Box::new(answers.clone())];
        let config = Config { server_name: system.name.to_string(), jetstream: true, ..Config::default() };
        let handle = server::start(config, services, Listeners::default(), clock, seed)?;
        courier.start(&handle)?;
        let identities = RwLock::new(identities(system).collect());
        let client = Client::new(Desk::new(handle.clone(), inside, answers));
        Ok(Arc::new(Self { client, handle, identities, releases: Mutex::default() }))
    }

    /// Its streams, as the platform sees them.
    pub fn topics(&self) -> Arc<dyn Topics> {
        Arc::new(self.client.clone())
    }

    /// The buckets of services.
    pub fn buckets(&self) -> Arc<dyn KeyValue> {
        Arc::new(self.client.clone())
    }

    fn release_of(&self, slot: &Slot) -> Arc<AtomicU64> {
        self.releases.lock().unwrap_or_else(PoisonError::into_inner).entry(slot.clone()).or_default().clone()
    }
}

#[async_trait]
impl Messages for MessageServer {
    async fn serve(&self, socket: TcpStream, slot: &Slot, instance: Option<InstanceId>) {
        let known = self.identities.read().unwrap_or_else(PoisonError::into_inner).get(&slot.service).cloned();
        let Some(identity) = known else { return };
        let release = Some(self.release_of(slot));
        let identity = Identity { name: slot.to_string(), instance, release, ..identity };
        // A server that has stopped closes it.
        let _ = self.handle.serve_socket(socket, Arc::new(identity)).await;
    }

    fn allow(&self, system: &System) {
        self.identities.write().unwrap_or_else(PoisonError::into_inner).extend(identities(system));
    }

    fn release(&self, slot: &Slot, release: Option<u64>) {
        match release {
            Some(number) => self.release_of(slot).store(number, Ordering::Relaxed),
            None => drop(self.releases.lock().unwrap_or_else(PoisonError::into_inner).remove(slot)),
        }
    }

    async fn drain(&self, instance: &InstanceId, limit: Duration) {
        self.handle.drain(instance.clone(), limit).await;
    }

    async fn refuse(&self, socket: TcpStream, why: &str) {
        // Whoever does not listen is not told.
        let _ = refusal::tell(socket, why).await;
    }

    async fn stop(&self) {
        self.handle.stop().await;
    }
}

fn identities(system: &System) -> impl Iterator<Item = (ServiceName, Identity)> {
    system.services.keys().map(|name| (name.clone(), identity(system, name)))
}

/// What the instances of a service may do; the name is still that of nobody.
fn identity(system: &System, name: &ServiceName) -> Identity {
    let access = Access::new(system, name);
    let (permissions, inboxes) = (access.permissions(), InboxRule::Own);
    let (service, guard) = (Some(name.clone()), Some(Arc::new(Gate::new(access)) as _));
    Identity { service, permissions, inboxes, guard, ..Identity::default() }
}
