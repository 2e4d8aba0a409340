//! Streams and consumers as their users write them: JetStream's configurations, with its defaults, checks and errors.
//!
//! Field names and their JSON are those of nats-server's API; durations are nanoseconds there and times RFC 3339.

mod consumer_config;
mod durability;
mod error;
mod json;
mod redelivery;
mod stream_config;
#[cfg(test)]
mod tests;

pub use consumer_config::{AckPolicy, ConsumerConfig, DeliverPolicy, ReplayPolicy};
pub use durability::{DURABILITY_KEY, Durability, InvalidDurability};
pub use error::ApiError;
pub use redelivery::{DEAD_LETTER_KEY, Redelivery};
pub use stream_config::{
    Compression, ConsumerLimits, Discard, Persist, Placement, Republish, Retention, Storage, StreamConfig,
    SubjectTransform, Unsupported,
};

/// `true` in the metadata of the stream of a bucket or an object store that is as a manifest says.
pub const MANIFEST_KEY: &str = "isles.manifest";
/// The longest name of a stream or a consumer, in bytes.
pub const NAME_BYTES_MAX: usize = 255;
/// The longest description, in bytes.
pub const DESCRIPTION_BYTES_MAX: usize = 4096;
/// The most that keys and values of metadata may have together, in bytes.
pub const METADATA_BYTES_MAX: usize = 128 * 1024;

/// Whether a text can name a stream or a consumer.
pub fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= NAME_BYTES_MAX
        && !text.contains(['.', '*', '>', '/', '\\'])
        && !text.contains(|c: char| c.is_whitespace() || c.is_control())
}

/// A limit as the API writes it: 0 and less is none.
pub fn limit(value: i64) -> Option<u64> {
    u64::try_from(value).ok().filter(|limit| *limit > 0)
}
