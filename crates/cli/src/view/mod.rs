//! What `isles up` shows: a line a service while they come up, then the logs.

mod attach;
mod feed;
pub(crate) mod lines;
mod live;
pub(crate) mod phase;
pub(crate) mod plain;
mod screen;
mod summary;
pub(crate) mod tail;
pub(crate) mod trouble;
pub(crate) mod watch;

pub use attach::{Attach, Outcome, attach};

#[cfg(test)]
mod tests;
