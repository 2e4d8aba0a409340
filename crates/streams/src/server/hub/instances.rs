//! Clients that are instances.

use model::{InstanceId, Timestamp};

use super::{Hub, client::Client};

impl Hub {
    /// An instance shall get nothing new from the services.
    pub(crate) fn drain(&mut self, instance: &InstanceId, now: Timestamp) {
        for client in self.clients_of(instance) {
            self.parties.services.iter_mut().for_each(|service| service.drain(client));
        }
        self.settle_services(now);
    }

    /// Whether an instance has still to answer for something that it got.
    pub(crate) fn is_busy(&self, instance: &InstanceId) -> bool {
        let services = &self.parties.services;
        self.clients_of(instance).iter().any(|client| services.iter().any(|service| service.is_busy(*client)))
    }

    /// Tells the services that a client has gone, if it is an instance.
    pub(super) fn tell_of_end(&mut self, client: &Client) {
        if client.origin.identity.instance.is_some() {
            self.parties.services.iter_mut().for_each(|service| service.gone(client.origin.client));
            self.parties.called = (0..self.parties.services.len()).collect();
        }
    }

    fn clients_of(&self, instance: &InstanceId) -> Vec<u64> {
        let clients = self.parties.clients.iter().map(|(_, client)| &client.origin);
        let own = clients.filter(|origin| origin.identity.instance.as_ref() == Some(instance));
        own.map(|origin| origin.client).collect()
    }
}
