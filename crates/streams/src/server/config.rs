//! Settings of the server.

use std::{
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use logic::subject::Permissions;
use model::{Asked, InstanceId, ServiceName};

use super::{Guard, Tls};

/// The release of the reference server whose features clients may expect: they decide by it what to use. It is no number of
/// Isles, which stands in `git_commit`.
pub const PROTOCOL_VERSION: &str = "2.12.0";
/// The level of JetStream's API that goes with it.
pub(crate) const API_LEVEL: u8 = 2;

/// What a message of a client has at the most beside its subject, unless something else is set.
pub(crate) const PAYLOAD_BYTES_MAX: usize = 1 << 20;

/// What the server does and how much of it. The defaults are those of the reference server.
#[derive(Debug, Clone)]
pub struct Config {
    /// The name that clients see.
    pub server_name: String,
    /// The host that `INFO` names.
    pub host: String,
    /// The port that `INFO` names.
    pub port: u16,
    /// How clients speak TLS, if they do.
    pub tls: Option<Tls>,
    /// Whether `INFO` says that there is JetStream.
    pub jetstream: bool,
    /// Who may connect.
    pub auth: Auth,
    /// Bytes of a control line.
    pub line_bytes_max: usize,
    /// Bytes of headers and payload of a message.
    pub payload_bytes_max: usize,
    /// Clients at a time.
    pub connections_max: usize,
    /// Subscriptions of one client.
    pub subscriptions_max: usize,
    /// Bytes that wait for one client; with more it is too slow, and disconnected.
    pub pending_bytes_max: usize,
    /// A client that said nothing for so long is asked with `PING`.
    pub ping_interval: Duration,
    /// So many `PING`s may be without an answer.
    pub pings_out_max: u32,
    /// The time that a client has to say who it is.
    pub auth_timeout: Duration,
    /// A client that takes nothing for so long, although there is something, is too slow.
    pub write_deadline: Duration,
    /// How long it takes until all connections have been ended in lame duck mode.
    pub lame_duck: Duration,
    /// How much of that time clients are asked to leave by themselves.
    pub lame_duck_grace: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            server_name: "isles".into(),
            host: "127.0.0.1".into(),
            port: 4222,
            tls: None,
            jetstream: false,
            auth: Auth::default(),
            line_bytes_max: 4096,
            payload_bytes_max: PAYLOAD_BYTES_MAX,
            connections_max: 65_536,
            subscriptions_max: 1_000_000,
            pending_bytes_max: 64 << 20,
            ping_interval: Duration::from_secs(120),
            pings_out_max: 2,
            auth_timeout: Duration::from_secs(2),
            write_deadline: Duration::from_secs(10),
            lame_duck: Duration::from_secs(120),
            lame_duck_grace: Duration::from_secs(10),
        }
    }
}

/// Who may connect. Without users and token, everybody.
#[derive(Debug, Clone, Default)]
pub struct Auth {
    /// Users with their passwords.
    pub users: Vec<User>,
    /// A token instead of user and password.
    pub token: Option<String>,
}

/// Somebody who may connect.
#[derive(Debug, Clone)]
pub struct User {
    /// The password.
    pub password: String,
    /// Who it is then; the name is that of the user.
    pub identity: Arc<Identity>,
}

/// Whose a connection is, and what it may do.
#[derive(Debug, Clone, Default)]
pub struct Identity {
    /// The name; empty where nobody was asked.
    pub name: String,
    /// The instance that it is, if it is one: it can be drained, and services learn that it has gone.
    pub instance: Option<InstanceId>,
    /// The service of a system that it belongs to.
    pub service: Option<ServiceName>,
    /// The release that the instance is of, as it changes.
    pub release: Option<Arc<AtomicU64>>,
    /// What it may publish and subscribe to.
    pub permissions: Permissions,
    /// Where it gets answers.
    pub inboxes: InboxRule,
    /// What decides about each of its messages besides.
    pub guard: Option<Arc<dyn Guard>>,
}

impl Identity {
    /// Something was denied.
    pub(super) fn note_denial(&self, asked: Asked, subject: &[u8]) {
        self.guard.iter().for_each(|guard| guard.denied(asked, subject));
    }

    /// Whether it may do less than everything.
    pub(super) fn is_limited(&self) -> bool {
        self.permissions != Permissions::default() || self.inboxes == InboxRule::Own || self.guard.is_some()
    }
}

/// Where a client gets answers and deliveries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum InboxRule {
    /// Wherever it likes.
    #[default]
    Any,
    /// Where it subscribes itself, and of inboxes (`_INBOX.NAME…`) only its own: a reply subject that it does not subscribe to is
    /// refused; an inbox belongs to the identity (by its name) that first subscribed to it or asked for an answer in it, as long
    /// as it does; and what subscribes to many inboxes sees its own ones alone.
    Own,
}

impl Auth {
    /// Whether clients have to say who they are.
    pub fn is_required(&self) -> bool {
        !self.users.is_empty() || self.token.is_some()
    }

    /// Who somebody is that gives this; `None` if it is wrong.
    pub(super) fn identify(&self, user: &str, password: &str, token: &str) -> Option<Arc<Identity>> {
        if !self.is_required() || self.token.as_ref().is_some_and(|expected| is_equal(expected, token)) {
            return Some(Arc::default());
        }
        let known = self.users.iter().find(|known| known.identity.name == user);
        known.filter(|known| is_equal(&known.password, password)).map(|known| known.identity.clone())
    }

    /// Who somebody is now that had this identity by earlier settings; `None` if what it said then lets nobody in any more.
    pub(super) fn identify_again(&self, before: &Self, identity: &Identity) -> Option<Arc<Identity>> {
        if !self.is_required() {
            return Some(Arc::default());
        }
        let named = |auth: &Self| auth.users.iter().find(|user| user.identity.name == identity.name).cloned();
        match (named(before), named(self)) {
            (Some(old), Some(new)) => (old.password == new.password).then_some(new.identity),
            (None, _) => (before.token.is_some() && before.token == self.token).then(Arc::default),
            (Some(_), None) => None,
        }
    }
}

/// Compares secrets of equal length in a time that does not tell where they differ.
fn is_equal(one: &str, other: &str) -> bool {
    let differences = one.bytes().zip(other.bytes()).fold(0, |all, (a, b)| all | (a ^ b));
    one.len() == other.len() && differences == 0
}
