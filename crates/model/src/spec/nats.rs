//! A NATS server that somebody else runs.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Service;
use crate::{NatsUrl, ServiceName};

/// What a person is told of a server that does not know the services.
pub const NO_RIGHTS: &str =
    "what services may do with topics and buckets is not enforced by this NATS server: they are all one user";

/// The NATS server that keeps topics, buckets and object stores.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Nats {
    /// Its URL, as Isles uses it.
    pub url: NatsUrl,
    /// The certificates that its own must descend from, a PEM file; those that the host trusts if `None`. A relative path is relative to
    /// the manifest's folder.
    pub ca: Option<PathBuf>,
    /// Each service is a user of its own there, by its name.
    pub users: bool,
}

impl Nats {
    /// The secret that is a service's password there, if it needs one: `ORDERS_NATS_PASSWORD`.
    pub fn secret(&self, name: &ServiceName, service: &Service) -> Option<String> {
        (self.users && service.uses_messages()).then(|| format!("{}_NATS_PASSWORD", name.env_prefix()))
    }
}
