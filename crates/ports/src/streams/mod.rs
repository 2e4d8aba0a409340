//! Streams: what Isles remembers, and what services tell each other.
//!
//! What belongs to the node is in the buckets of its own journal. Topics, and the buckets of services, are streams of the engine that
//! the manifest names: [`Topics`] shows the former, and a [`KeyValue`] of that engine the latter, as the services see them.

#[cfg(feature = "conformance")]
pub mod conformance;
mod error;
mod key_value;
mod message;
mod topics;

pub use error::StreamsError;
pub use key_value::{Change, Entry, Expect, KeyValue, Write};
pub use message::{Ack, DeadLetter, Headers, Message, Publish, Start};
pub use topics::{Capabilities, ConsumerState, Durability, StreamState, Topics};
