//! Clients that are instances.

use model::{InstanceId, Timestamp};

use super::{Hub, client::Client};

impl Hub {
    /// An instance shall get nothing new from the services.
    pub(crate) fn drain(&mut self, instance: &InstanceId, now: Timestamp) {
        for (key, client) in self.clients_of(instance) {
            self.parties.services.iter_mut().for_each(|service| service.drain(client));
            self.parties.clients[key].is_draining = true;
            let known = self.parties.clients[key].subscriptions.values();
            let filters = known.map(|subscription| self.parties.subscriptions[*subscription as usize].filter.clone());
            filters.collect::<Vec<_>>().iter().for_each(|filter| self.parties.note_interest(filter));
        }
        self.settle_services(now);
    }

    /// Whether an instance has still to answer for something that it got.
    pub(crate) fn is_busy(&self, instance: &InstanceId) -> bool {
        let services = &self.parties.services;
        self.clients_of(instance).iter().any(|(_, client)| services.iter().any(|service| service.is_busy(*client)))
    }

    /// Tells the services that a client has gone, if it is an instance.
    pub(super) fn tell_of_end(&mut self, client: &Client) {
        if client.origin.identity.instance.is_some() {
            self.parties.services.iter_mut().for_each(|service| service.gone(client.origin.client));
            self.parties.called = (0..self.parties.services.len()).collect();
        }
    }

    /// Their keys and numbers.
    fn clients_of(&self, instance: &InstanceId) -> Vec<(usize, u64)> {
        let clients = self.parties.clients.iter().map(|(key, client)| (key, &client.origin));
        let own = clients.filter(|(_, origin)| origin.identity.instance.as_ref() == Some(instance));
        own.map(|(key, origin)| (key, origin.client)).collect()
    }
}
