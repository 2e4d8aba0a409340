//! The server of messages in the platform: `ports::messages` over the NATS server and the streams of the node's journal.
//!
//! Its clients are the instances, each known by the address that it came in at, so none has to say who it is. It starts when it is
//! first needed: a system without messages has no thread for them, and may get its first topic at any time.

mod desk;
mod gate;
mod refusal;
mod running;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    net::TcpStream,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use logic::access::{Access, Denials};
use model::{Denial, InstanceId, Slot, SystemName, spec::System};
use ports::{
    clock::Clock,
    messages::Messages,
    streams::{KeyValue, Topics},
};

use crate::{
    Buckets,
    client::Client,
    server::{Identity, InboxRule},
};
use desk::Desk;
use gate::Gate;
pub use running::StartError;
use running::Starter;

/// The server, until it is stopped.
pub struct MessageServer {
    starter: Arc<Starter>,
    client: Client,
    places: Mutex<BTreeMap<Slot, Place>>,
    denials: Arc<Mutex<Denials>>,
}

/// What the instances of a slot are, as long as it is there.
struct Place {
    /// The number of their release, which its connections share.
    release: Arc<AtomicU64>,
    /// The system as their release has it.
    system: Arc<System>,
}

impl MessageServer {
    /// One over the journal that holds the buckets, of which it needs nothing before it starts. The seed chooses members of queue
    /// groups.
    pub fn new(buckets: &Arc<Buckets>, system: &SystemName, clock: Arc<dyn Clock>, seed: u64) -> Arc<Self> {
        let starter = Arc::new(Starter::new(buckets, system.to_string(), clock, seed));
        let client = Client::new(Desk::new(starter.clone()));
        Arc::new(Self { client, starter, places: Mutex::default(), denials: Arc::default() })
    }

    /// Starts it, if it does not run. Otherwise it starts when somebody asks it for something.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn start(&self) -> Result<(), StartError> {
        self.starter.running().await.map(drop)
    }

    /// Its streams, as the platform sees them.
    pub fn topics(&self) -> Arc<dyn Topics> {
        Arc::new(self.client.clone())
    }

    /// The buckets of services.
    pub fn buckets(&self) -> Arc<dyn KeyValue> {
        Arc::new(self.client.clone())
    }

    fn places(&self) -> MutexGuard<'_, BTreeMap<Slot, Place>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn counts(&self) -> MutexGuard<'_, Denials> {
        self.denials.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whose a connection of the slot is, if the slot was admitted.
    fn identity(&self, slot: &Slot, instance: Option<InstanceId>) -> Option<Identity> {
        let places = self.places();
        let Place { release, system } = places.get(slot)?;
        let access = Access::new(system, &slot.service);
        Some(Identity {
            name: slot.to_string(),
            instance,
            service: Some(slot.service.clone()),
            release: Some(release.clone()),
            permissions: access.permissions(),
            inboxes: InboxRule::Own,
            guard: Some(Arc::new(Gate::new(slot.service.clone(), access, self.denials.clone()))),
        })
    }
}

#[async_trait]
impl Messages for MessageServer {
    async fn serve(&self, socket: TcpStream, slot: &Slot, instance: Option<InstanceId>) {
        let Some(identity) = self.identity(slot, instance) else { return };
        match self.starter.running().await {
            // A server that has stopped closes it.
            Ok(running) => drop(running.handle.serve_socket(socket, Arc::new(identity)).await),
            Err(error) => self.refuse(socket, &error.to_string()).await,
        }
    }

    fn admit(&self, slot: &Slot, release: u64, system: &Arc<System>) {
        let mut places = self.places();
        let number = places.get(slot).map(|place| place.release.clone()).unwrap_or_default();
        number.store(release, Ordering::Relaxed);
        places.insert(slot.clone(), Place { release: number, system: system.clone() });
    }

    fn dismiss(&self, slot: &Slot) {
        let mut places = self.places();
        places.remove(slot);
        if places.keys().all(|other| other.service != slot.service) {
            self.counts().forget(&slot.service);
        }
    }

    fn denials(&self) -> Vec<Denial> {
        self.counts().list()
    }

    async fn drain(&self, instance: &InstanceId, limit: Duration) {
        if let Some(running) = self.starter.started() {
            running.handle.drain(instance.clone(), limit).await;
        }
    }

    async fn refuse(&self, socket: TcpStream, why: &str) {
        // Whoever does not listen is not told.
        let _ = refusal::tell(socket, why).await;
    }

    async fn stop(&self) {
        if let Some(running) = self.starter.started() {
            running.handle.stop().await;
        }
    }
}
