//! The nouns of Isles: systems, services, connections and stores, their specifications and their states.
//!
//! This crate knows no I/O and no clock. Everything that two crates must agree on is here; everything else is not.

pub mod api;
mod denial;
pub mod figures;
mod gather;
mod id;
mod nats_url;
pub mod pins;
mod problem;
mod reason;
mod rfc3339;
pub mod spec;
pub mod status;
pub mod streams;
mod time;
mod topic;
mod units;

pub use denial::{Asked, Denial};
pub use gather::Gather;
pub use id::{Epoch, InstanceId, InvalidName, ServiceName, Slot, SystemName};
pub use nats_url::{InvalidNatsUrl, Login, NatsUrl};
pub use problem::Problem;
pub use reason::Reason;
pub use time::Timestamp;
pub use topic::{BucketName, InvalidBucket, InvalidTopic, TopicName};
pub use units::{ByteSize, ParseUnitError, format_duration, parse_duration};
