//! What every engine of topics and buckets must do: one suite for all of them, a section for each capability. A section whose capability
//! an engine does not claim checks that it refuses, and keeps nothing of what it refused.
//!
//! Sections panic where an engine is not as it must be, and name the claim that is false. Each wants an engine without streams.

mod batches;
mod buckets;
mod claims;
mod consumers;
mod delayed;
mod durability;
mod publishing;
mod reading;
mod redelivery;
mod restarts;
mod streams;
mod time_to_live;

use std::{future::Future, sync::Arc, time::Duration};

use async_trait::async_trait;
use model::{
    spec::Topic,
    streams::{AckPolicy, ConsumerConfig, StreamConfig},
};

pub use batches::batches;
pub use buckets::buckets;
pub use claims::{Liar, Lie, failure};
pub use consumers::consumers;
pub use delayed::delayed;
pub use durability::durability;
pub use publishing::publishing;
pub use reading::reading;
pub use redelivery::redelivery;
pub use restarts::restarts;
pub use streams::streams;
pub use time_to_live::time_to_live;

use super::{Ack, Durability, KeyValue, Message, Publish, Start, Topics};

/// The topics that the suite uses.
pub const TOPICS: [&str; 3] = ["conformance.orders", "conformance.audit", "conformance.work"];
/// The bucket that it uses.
pub const BUCKET: &str = "conformance";
/// The consumer that it uses.
pub const CONSUMER: &str = "conformance";

const ORDERS: &str = "conformance_orders";
const AUDIT: &str = "conformance_audit";
/// How long something may take that must happen.
const PATIENCE: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(20);
/// How long one look at it may take: a request may be lost with the connection that an engine which was ended still had.
const LOOK_MAX: Duration = Duration::from_secs(2);

/// An engine under test.
#[async_trait]
pub trait Rig: Send {
    /// Its topics.
    fn topics(&self) -> Arc<dyn Topics>;
    /// Its buckets.
    fn buckets(&self) -> Arc<dyn KeyValue>;
    /// Ends the engine without a word, and starts it again with what it has stored.
    async fn restart(&mut self);
    /// Takes the power from the engine and its disk, and starts it again. Where that cannot be done, ends it as [`Rig::restart`] does, and
    /// returns what its own settings say of acknowledged messages.
    async fn lose_power(&mut self) -> Option<Durability>;
    /// As a client does: makes a pull consumer if it is not there, and takes as many messages as there are, at most so many, and
    /// acknowledges none. Returns their sequences.
    async fn take(&self, stream: &str, consumer: &ConsumerConfig, max: usize) -> Vec<u64>;
}

/// The stream of a topic with nothing said of it.
fn topic(name: &str) -> StreamConfig {
    Topic::default().stream(&name.parse().expect("it is the name of a topic"))
}

fn consumer() -> ConsumerConfig {
    ConsumerConfig { durable_name: CONSUMER.into(), ack_policy: AckPolicy::Explicit, ..ConsumerConfig::default() }
}

fn message(payload: &str) -> Publish {
    Publish { subject: TOPICS[0].into(), payload: payload.into(), ..Publish::default() }
}

/// Makes the first topic, and publishes to it.
async fn orders(topics: &dyn Topics, payloads: &[&str]) {
    topics.ensure(topic(TOPICS[0])).await.expect("it is made");
    for payload in payloads {
        publish(topics, message(payload)).await;
    }
}

async fn publish(topics: &dyn Topics, message: Publish) -> Ack {
    topics.publish(message).await.expect("it is stored")
}

async fn all(topics: &dyn Topics, stream: &str) -> Vec<Message> {
    topics.read(stream, Start::Sequence(1), 100).await.expect("they are read")
}

async fn payloads(topics: &dyn Topics, stream: &str) -> Vec<String> {
    texts(&all(topics, stream).await)
}

fn texts(messages: &[Message]) -> Vec<String> {
    messages.iter().map(|message| String::from_utf8_lossy(&message.payload).into_owned()).collect()
}

/// Looks until there is what there must be.
async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, look: impl Fn() -> F) -> T {
    let looking = async {
        loop {
            if let Ok(Some(found)) = tokio::time::timeout(LOOK_MAX, look()).await {
                return found;
            }
            tokio::time::sleep(PAUSE).await;
        }
    };
    tokio::time::timeout(PATIENCE, looking).await.unwrap_or_else(|_| panic!("{what}: not within {PATIENCE:?}"))
}

/// Checks what kind of error it is.
macro_rules! refused {
    ($result:expr, $kind:pat $(if $condition:expr)?) => {{
        let result = $result;
        assert!(matches!(result, Err($kind) $(if $condition)?), "{result:?} is not {}", stringify!($kind));
    }};
}
use refused;
