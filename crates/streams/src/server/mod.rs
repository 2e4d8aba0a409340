//! The NATS server: the core of the protocol, without JetStream.
//!
//! One thread of its own does everything: it reads what a client sent as one batch, gives each message to whom it is for by appending
//! it to what waits for them, and then wakes each of them once to write it as one batch. So there is no lock, no hand-over and no
//! allocation per message, which is what a message costs otherwise; what is beyond one core is for a NATS cluster.
//! [`hub`] decides, without sockets; the rest moves bytes.

mod accept;
mod batch;
mod config;
mod connection;
mod guard;
mod handle;
mod hub;
mod monitor;
mod service;
mod thread;
mod tls;
mod worker;

pub use batch::Batch;
pub(crate) use config::{API_LEVEL, PAYLOAD_BYTES_MAX};
pub use config::{Auth, Config, Identity, InboxRule, PROTOCOL_VERSION, User};
pub use guard::Guard;
pub(crate) use handle::Bell;
pub use handle::{Handle, Listeners, Stopped, Stream, start};
pub use monitor::Query;
pub use service::{Interest, Message, Origin, Outgoing, Service};
pub use tls::{Handshake, Tls};
