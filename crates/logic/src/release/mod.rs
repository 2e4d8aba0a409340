//! Releases: what differs between two, what that means for their services, and which runs.

mod compare;
mod fixed;
mod keep;
mod ledger;
mod only;
mod others;
mod parts;
mod plan;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use model::{ServiceName, spec};

pub use compare::{Difference, compare};
pub use fixed::{Fixed, fixed};
pub use keep::forgotten;
pub use ledger::Ledger;
pub use only::only;
pub use others::others;
pub use parts::{Part, parts};
pub use plan::{Counts, counts, is_called, overruled, planned, rollout, says_the_same, strategy_name, unmigrated};

/// What a service is in a release, as far as it can differ.
#[derive(Debug, Clone, Copy)]
pub struct Unit<'a> {
    /// What is asked for.
    pub spec: &'a spec::Service,
    /// What tells its files from others; `None` if it runs in place, where nobody knows whether they differ.
    pub artifact: Option<&'a str>,
    /// The variables of its `env_file`.
    pub env_file: &'a BTreeMap<String, String>,
    /// The versions of its secrets.
    pub secrets: &'a BTreeMap<String, String>,
}

/// A release, as far as it can differ.
#[derive(Debug, Clone)]
pub struct View<'a> {
    /// The system, services included.
    pub system: &'a spec::System,
    /// Its services.
    pub units: BTreeMap<&'a ServiceName, Unit<'a>>,
}

/// Something that a service names and the system has not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dangling {
    /// Who names it: a service, or the gateway.
    pub by: String,
    /// What is not there.
    pub service: ServiceName,
}

/// The first service that is called, waited for or routed to and that is not there. A manifest has none; what is put together
/// from two may.
pub fn dangling(system: &spec::System) -> Option<Dangling> {
    let named = system.services.iter().flat_map(|(by, service)| {
        service.calls.keys().chain(&service.after).map(move |named| (format!("the service `{by}`"), named))
    });
    let routes = system.gateway.iter().flat_map(|gateway| &gateway.routes);
    let routed = routes.map(|route| (format!("the gateway's route `{}`", route.prefix), &route.to));
    let missing = named.chain(routed).find(|(_, named)| !system.services.contains_key(*named));
    missing.map(|(by, service)| Dangling { by, service: service.clone() })
}
