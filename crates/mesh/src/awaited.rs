//! The services that sleep while requests are held for them.

use std::{
    collections::BTreeSet,
    mem,
    sync::{Mutex, MutexGuard},
};

use model::ServiceName;
use tokio::sync::Notify;

/// Those that nobody was told of yet.
#[derive(Default)]
pub(crate) struct Awaited {
    services: Mutex<BTreeSet<ServiceName>>,
    told: Notify,
}

impl Awaited {
    /// A request is held for the service.
    pub(crate) fn tell(&self, service: &ServiceName) {
        if self.services().insert(service.clone()) {
            self.told.notify_one();
        }
    }

    /// Those that requests are held for since the last call; waits until there is one.
    pub(crate) async fn next(&self) -> BTreeSet<ServiceName> {
        loop {
            let services = mem::take(&mut *self.services());
            if !services.is_empty() {
                return services;
            }
            self.told.notified().await;
        }
    }

    fn services(&self) -> MutexGuard<'_, BTreeSet<ServiceName>> {
        self.services.lock().expect("no holder of the lock panics")
    }
}
