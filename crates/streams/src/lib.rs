//! Streams: implements `ports::streams`. The embedded engine keeps all buckets in one journal.

mod embedded;

pub use embedded::Buckets;
