//! The settings change while the server runs.

use logic::subject::SubscribeVerdict;

use super::{Hub, client::Recent, errors, limits, subscribe::violation};
use crate::server::Config;

impl Hub {
    /// Puts other settings into force. Whom they do not let in is disconnected, and subscriptions that they do not allow end.
    pub(crate) fn reload(&mut self, config: Config) {
        self.limits = limits(&config);
        let Config { host, port, server_name, .. } = &self.config;
        let config = Config { host: host.clone(), port: *port, server_name: server_name.clone(), ..config };
        let before = std::mem::replace(&mut self.config, config);
        for key in self.keys() {
            self.judge_again(key, &before);
        }
        self.settle();
        self.inform_all();
    }

    fn judge_again(&mut self, key: u32, before: &Config) {
        let Some(client) = self.parties.clients.get_mut(key as usize) else { return };
        if client.known {
            return;
        }
        if !client.admitted || !client.has_spoken {
            client.admitted = !self.config.auth.is_required();
            return;
        }
        let identity = self.config.auth.identify_again(&before.auth, &client.origin.identity);
        let Some(identity) = identity else { return self.parties.refuse(key, errors::AUTHORIZATION) };
        client.limited = identity.is_limited();
        client.origin.identity = identity;
        client.recent = Recent::default();
        let subscriptions: Vec<_> = client.subscriptions.iter().map(|(sid, at)| (sid.clone(), *at)).collect();
        for (sid, subscription) in subscriptions {
            self.judge_subscription(key, &sid, subscription);
        }
    }

    fn judge_subscription(&mut self, key: u32, sid: &[u8], subscription: u32) {
        let Some(known) = self.parties.subscriptions.get(subscription as usize) else { return };
        let (filter, queue) = (known.filter.clone(), known.queue.clone());
        let verdict = self.subscribe_verdict(key, &filter);
        if verdict == SubscribeVerdict::Denied {
            self.parties.error(key, &violation(&filter, queue.as_deref()));
            if let Some(client) = self.client_mut(key) {
                client.subscriptions.remove(sid);
            }
            return self.forget(subscription);
        }
        if let Some(known) = self.parties.subscriptions.get_mut(subscription as usize) {
            known.in_part = verdict == SubscribeVerdict::InPart;
        }
    }
}
