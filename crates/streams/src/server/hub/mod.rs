//! The server without sockets: bytes of clients go in, bytes for clients come out, and the time is an argument.
//!
//! A client is opened, its bytes are received, what waits for it is written, its deadline is kept, and it is closed. Whoever has to
//! be woken after any of this is in [`Hub::take_ready`].

mod client;
mod connect;
mod deadline;
mod errors;
mod instances;
mod operation;
mod outbox;
mod parties;
mod publish;
mod reload;
mod report;
mod rights;
mod subscribe;
#[cfg(test)]
mod tests;

use std::{io::IoSlice, net::SocketAddr, sync::Arc};

use fastrand::Rng;
use logic::subject::{Found, Sublist};
use model::Timestamp;
use wire::nats::{Limits, write_info};

use super::{Config, Identity, Outgoing, Service};
use client::Client;
use connect::Info;
use parties::Parties;

pub(crate) use client::Closing;
pub(crate) use outbox::SLICES_MAX;
pub(crate) use report::{ClientReport, Report};

/// The server's state. A client is known by its key until it is closed.
pub(crate) struct Hub {
    config: Config,
    limits: Limits,
    server_id: String,
    parties: Parties,
    sublist: Sublist<u32>,
    /// For messages that no client published.
    found: Found<u32>,
    random: Rng,
    started: Timestamp,
    clients_ever: u64,
    lame_duck: bool,
}

impl Hub {
    /// A server without clients. The seed chooses members of queue groups and the server's id.
    pub(crate) fn new(config: Config, services: Vec<Box<dyn Service>>, seed: u64, now: Timestamp) -> Self {
        let mut random = Rng::with_seed(seed);
        let letter = |_| char::from(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[random.usize(..32)]);
        let server_id = std::iter::once('N').chain((0..55).map(letter)).collect();
        let outgoing = services.iter().map(|_| Outgoing::default()).collect();
        let changed = services.iter().map(|_| Vec::new()).collect();
        let limits = limits(&config);
        let mut hub = Self {
            config,
            limits,
            server_id,
            parties: Parties { services, outgoing, changed, now, ..Parties::default() },
            sublist: Sublist::default(),
            found: Found::default(),
            random,
            started: now,
            clients_ever: 0,
            lame_duck: false,
        };
        hub.start_services();
        hub
    }

    /// The settings.
    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    /// A client has connected; `known` is who it is, where that is certain without asking, and `tls` says whether TLS is spoken
    /// or offered there.
    pub(crate) fn open(
        &mut self,
        peer: Option<SocketAddr>,
        known: Option<Arc<Identity>>,
        tls: bool,
        now: Timestamp,
    ) -> u32 {
        self.clients_ever += 1;
        let mut client = Client { tls, ..Client::new(self.clients_ever, peer, known, now) };
        client.admitted |= !self.config.auth.is_required();
        let key = u32::try_from(self.parties.clients.insert(client)).expect("descriptors end before 2^32 clients do");
        self.inform(key);
        if self.parties.clients.len() > self.config.connections_max {
            self.parties.refuse(key, errors::CONNECTIONS);
        }
        key
    }

    /// A client has gone; its key may be given to another.
    pub(crate) fn close(&mut self, key: u32) {
        let Some(mut client) = self.parties.clients.try_remove(key as usize) else { return };
        for (_, subscription) in client.subscriptions.drain() {
            self.forget(subscription);
        }
        self.release_claims(&mut client);
        self.tell_of_end(&client);
        client.outbox.clear(&mut self.parties.pool);
        client.held_back.into_iter().for_each(|held| self.let_go(held));
        if client.is_ready {
            self.parties.ready.retain(|ready| *ready != key);
        }
        self.parties.full.retain(|full| *full != key);
        self.settle();
    }

    /// What waits to be written to a client; says how many slices.
    pub(crate) fn pending<'a>(&'a self, key: u32, slices: &mut [IoSlice<'a>; SLICES_MAX]) -> usize {
        self.client(key).map_or(0, |client| client.outbox.slices(slices))
    }

    /// So many bytes were written to a client.
    pub(crate) fn written(&mut self, key: u32, bytes: usize) {
        let Some(client) = self.parties.clients.get_mut(key as usize) else { return };
        client.outbox.advance(&mut self.parties.pool, bytes);
        client.times.blocked = None;
        if client.outbox.pending() <= parties::FULL_BYTES / 2 && !client.held_back.is_empty() {
            let held = std::mem::take(&mut client.held_back);
            held.into_iter().for_each(|held| self.let_go(held));
        }
    }

    /// A client takes nothing for now.
    pub(crate) fn blocked(&mut self, key: u32, now: Timestamp) {
        if let Some(client) = self.client_mut(key) {
            client.times.blocked.get_or_insert(now);
        }
    }

    /// Why a client's connection is to be ended, once what waits has been written.
    pub(crate) fn closing(&self, key: u32) -> Option<Closing> {
        self.client(key).map_or(Some(Closing::Gone), |client| client.closing)
    }

    /// The clients that have to be woken, each once.
    pub(crate) fn take_ready(&mut self, into: &mut Vec<u32>) {
        into.clear();
        std::mem::swap(&mut self.parties.ready, into);
        for key in &*into {
            if let Some(client) = self.parties.clients.get_mut(*key as usize) {
                client.is_ready = false;
            }
        }
    }

    /// Asks all clients to leave, where they understand that.
    pub(crate) fn announce_end(&mut self) {
        self.lame_duck = true;
        self.inform_all();
    }

    /// Sends `INFO` again to all that understand that.
    pub(super) fn inform_all(&mut self) {
        let understands = |client: &Client| client.options.protocol >= 1 && client.closing.is_none();
        let asked: Vec<_> = self.keys().into_iter().filter(|key| self.client(*key).is_some_and(understands)).collect();
        asked.into_iter().for_each(|key| self.inform(key));
    }

    /// The clients there are.
    pub(crate) fn keys(&self) -> Vec<u32> {
        self.parties.clients.iter().filter_map(|(key, _)| u32::try_from(key).ok()).collect()
    }

    /// Ends a connection for the server's sake, when what waits for it has been written.
    pub(crate) fn end(&mut self, key: u32) {
        self.parties.close(key, Closing::Shutdown);
    }

    /// A client speaks in the clear where it may not.
    pub(crate) fn refuse_clear(&mut self, key: u32) {
        self.parties.refuse(key, errors::TLS);
    }

    /// The time that a client has to say who it is begins now.
    pub(crate) fn restart_clock(&mut self, key: u32, now: Timestamp) {
        if let Some(client) = self.client_mut(key) {
            (client.times.opened, client.times.heard) = (now, now);
        }
    }

    /// How many clients there are.
    pub(crate) fn clients(&self) -> usize {
        self.parties.clients.len()
    }

    fn client(&self, key: u32) -> Option<&Client> {
        self.parties.clients.get(key as usize)
    }

    fn client_mut(&mut self, key: u32) -> Option<&mut Client> {
        self.parties.clients.get_mut(key as usize)
    }

    fn inform(&mut self, key: u32) {
        let Some(client) = self.client(key) else { return };
        let info = Info::new(&self.config, &self.server_id, client, self.lame_duck);
        let json = serde_json::to_vec(&info).expect("it is made of texts and numbers");
        self.parties.write(key, |out| write_info(&json, out));
    }
}

fn limits(config: &Config) -> Limits {
    Limits { line_bytes_max: config.line_bytes_max, payload_bytes_max: config.payload_bytes_max }
}
