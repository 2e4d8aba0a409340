//! JetStream's streams and consumers over the journal.
//!
//! [`Engine`] is a service of the NATS server: it decides with `logic::stream` on the server's thread, gives one batch to the
//! journal for all that arrived together, and whoever waits for an answer gets it from the [`Courier`] once the batch is durable.

mod acks;
mod advise;
mod answer;
mod api;
mod atomic;
mod carry;
mod change;
mod clients;
mod consumer_info;
mod consumers;
pub(crate) mod dead;
mod deliver;
mod get;
mod get_many;
mod headers;
mod heads;
mod info;
mod inside;
mod kept;
mod ledger;
mod limits;
mod listeners;
mod mail;
mod members;
mod monitor;
mod publish;
mod record;
mod recover;
mod requests;
mod restore;
mod rewind;
mod schedule;
mod service;
mod stamp;
mod streams;
#[cfg(test)]
mod tests;
mod varint;
mod writer;

pub(crate) use atomic::{Atomic, NewMessage, Written};
pub(crate) use inside::{Inside, Refused, Wish};
pub use limits::Limits;
pub use mail::Courier;
pub use recover::{OpenError, open, open_in};
pub(crate) use rewind::Rewound;
pub use service::Engine;

/// The journal's streams from this number on are those of the engine; what is below is Isles' own.
pub const FIRST_STREAM: u64 = 1 << 32;
