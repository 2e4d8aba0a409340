//! Streams: implements `ports::streams`. The embedded engine keeps each bucket in one checksummed file.

mod embedded;

pub use embedded::Buckets;
