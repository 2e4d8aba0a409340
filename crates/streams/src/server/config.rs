//! Settings of the server.

use std::{sync::Arc, time::Duration};

use logic::subject::Permissions;

/// The release of the reference server whose features clients may expect: they decide by it what to use. It is no number of
/// Isles, which stands in `git_commit`.
pub const PROTOCOL_VERSION: &str = "2.10.0";

/// What the server does and how much of it. The defaults are those of the reference server.
#[derive(Debug, Clone)]
pub struct Config {
    /// The name that clients see.
    pub server_name: String,
    /// The host that `INFO` names.
    pub host: String,
    /// The port that `INFO` names.
    pub port: u16,
    /// Whether `INFO` says that there is JetStream.
    pub jetstream: bool,
    /// Who may connect.
    pub auth: Auth,
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
    /// How long clients are asked to leave before a shutdown ends their connections; at once where it is zero.
    pub lame_duck: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            server_name: "isles".into(),
            host: "127.0.0.1".into(),
            port: 4222,
            jetstream: false,
            auth: Auth::default(),
            payload_bytes_max: 1 << 20,
            connections_max: 65_536,
            subscriptions_max: 1_000_000,
            pending_bytes_max: 64 << 20,
            ping_interval: Duration::from_secs(120),
            pings_out_max: 2,
            auth_timeout: Duration::from_secs(2),
            write_deadline: Duration::from_secs(10),
            lame_duck: Duration::ZERO,
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
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// The name; empty where nobody was asked.
    pub name: String,
    /// What it may publish and subscribe to.
    pub permissions: Permissions,
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
}

/// Compares secrets of equal length in a time that does not tell where they differ.
fn is_equal(one: &str, other: &str) -> bool {
    let differences = one.bytes().zip(other.bytes()).fold(0, |all, (a, b)| all | (a ^ b));
    one.len() == other.len() && differences == 0
}
