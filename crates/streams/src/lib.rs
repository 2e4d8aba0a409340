//! Streams: implements `ports::streams`. The embedded engine keeps each bucket in one checksummed file. The NATS server carries
//! messages between services.

mod embedded;
pub mod server;

pub use embedded::Buckets;
