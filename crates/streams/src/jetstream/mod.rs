//! The API of JetStream as text and values: what clients ask, what they are answered, and nothing of what is stored.
//!
//! [`Api::parse`] turns a subject and a body into a [`Request`] or into the [`Refusal`] that answers it; [`Response`] writes
//! answers. Deliveries have an [`AckSubject`], which takes an [`Ack`]; what has no body is a [`Status`]. The forms are those of
//! nats-server 2.14, and the fields keep the names of the protocol.

mod account;
mod ack;
mod ack_subject;
mod advisory;
mod bodies;
mod body;
mod consumer_create;
mod consumer_info;
mod direct;
mod duration;
mod endpoint;
mod error;
mod name;
mod next;
mod page;
mod pub_ack;
mod request;
mod response;
mod status;
mod stream_info;
mod support;
mod time;

pub use account::{AccountInfo, AccountLimits, ApiStats};
pub use ack::Ack;
pub use ack_subject::{AckSubject, Delivery, Owner};
pub use advisory::{Advisory, Happening};
pub use bodies::{MessageDelete, MessageGet, Purge, StreamDetailsRequest, StreamsRequest};
pub(crate) use body::without_nulls;
pub use consumer_create::{Action, ConsumerCreate};
pub use consumer_info::{ConsumerInfo, Pause, SequenceInfo};
pub use direct::{Place, Stored};
pub use duration::Nanos;
pub use error::{ApiError, ErrorCode};
pub use name::{NAME_BYTES_MAX, is_valid_name};
pub use next::Next;
pub use page::{LIST_MAX, NAMES_MAX, Paged, SUBJECTS_MAX, page};
pub use pub_ack::PubAck;
pub use request::{Api, Call, Refusal, Request};
pub use response::{Consumers, Created, Done, Kind, Purged, Response, StreamDetails, Streams};
pub use status::{BatchEnd, Status, Unmet};
pub use stream_info::{StoredMessage, StreamInfo, StreamState};
pub use time::Time;
pub(crate) use time::{time, timestamp};

pub use model::streams::{AckPolicy, Compression, ConsumerConfig, DeliverPolicy, ReplayPolicy, StreamConfig};

/// Whether a field is left out of JSON.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
