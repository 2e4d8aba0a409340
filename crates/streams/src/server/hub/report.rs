//! What the monitoring shows of the server.

use std::net::SocketAddr;

use model::Timestamp;
use serde_json::Value;

use super::{Closing, Hub, client::Counts};
use crate::server::{Config, Query};

/// The server as a whole.
pub(crate) struct Report<'a> {
    pub(crate) config: &'a Config,
    pub(crate) server_id: &'a str,
    pub(crate) started: Timestamp,
    pub(crate) connections: usize,
    pub(crate) total_connections: u64,
    pub(crate) subscriptions: usize,
    pub(crate) nodes: usize,
    pub(crate) slow_consumers: u64,
    pub(crate) counts: Counts,
    pub(crate) lame_duck: bool,
}

/// One client.
pub(crate) struct ClientReport<'a> {
    pub(crate) cid: u64,
    pub(crate) peer: Option<SocketAddr>,
    pub(crate) opened: Timestamp,
    pub(crate) heard: Timestamp,
    pub(crate) pending_bytes: usize,
    pub(crate) subscriptions: usize,
    pub(crate) counts: Counts,
    pub(crate) name: &'a str,
    pub(crate) lang: &'a str,
    pub(crate) version: &'a str,
    pub(crate) user: &'a str,
    pub(crate) tls: bool,
    pub(crate) filters: Vec<&'a [u8]>,
}

impl Hub {
    /// The server as a whole.
    pub(crate) fn report(&self) -> Report<'_> {
        Report {
            config: &self.config,
            server_id: &self.server_id,
            started: self.started,
            connections: self.parties.clients.len(),
            total_connections: self.clients_ever,
            subscriptions: self.sublist.len(),
            nodes: self.sublist.nodes(),
            slow_consumers: self.parties.slow_consumers,
            counts: self.parties.counts,
            lame_duck: self.lame_duck,
        }
    }

    /// What a service shows at a path of the monitoring.
    pub(crate) fn report_service(&self, page: &str, query: &Query<'_>) -> Option<Value> {
        self.parties.services.iter().find_map(|service| service.monitor(page, query))
    }

    /// All clients that are not about to go, with their filters if these are asked for.
    pub(crate) fn report_clients(&self, with_filters: bool) -> impl Iterator<Item = ClientReport<'_>> {
        let staying = |closing: Option<Closing>| closing.is_none();
        let subscriptions = &self.parties.subscriptions;
        let filter = |at: &u32| subscriptions.get(*at as usize).map(|known| &*known.filter);
        let clients = self.parties.clients.iter().map(|(_, client)| client);
        clients.filter(move |client| staying(client.closing)).map(move |client| ClientReport {
            cid: client.origin.client,
            peer: client.peer,
            opened: client.times.opened,
            heard: client.times.heard,
            pending_bytes: client.outbox.pending(),
            subscriptions: client.subscriptions.len(),
            counts: client.counts,
            name: &client.options.name,
            lang: &client.options.lang,
            version: &client.options.version,
            user: &client.origin.identity.name,
            tls: client.tls,
            filters: client.subscriptions.values().filter(|_| with_filters).filter_map(filter).collect(),
        })
    }
}
