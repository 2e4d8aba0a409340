//! What is shown live: a line a service while `isles up` comes up, then the logs; and rollouts.

mod attach;
mod block;
mod feed;
pub(crate) mod lines;
mod live;
pub(crate) mod phase;
pub(crate) mod plain;
mod repeated;
pub(crate) mod rollout;
mod screen;
mod summary;
pub(crate) mod tail;
pub(crate) mod trouble;
pub(crate) mod watch;

pub use attach::{Attach, Outcome, attach};
use model::status::ServiceStatus;

/// `2/3`: of the instances asked for, those that take requests. While a rollout lasts there may be more of them.
pub(crate) fn replicas(service: &ServiceStatus) -> String {
    format!("{}/{}", service.healthy.min(service.replicas), service.replicas)
}

#[cfg(test)]
mod tests;
