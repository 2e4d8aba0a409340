//! Streams: implements `ports::streams`. The embedded engine keeps all buckets in one journal. The NATS server carries messages
//! between services. The API of JetStream is here as text and values; nothing serves it yet.

mod embedded;
pub mod jetstream;
pub mod server;

pub use embedded::Buckets;
