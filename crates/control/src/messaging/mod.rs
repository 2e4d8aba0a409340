//! Topics and buckets, as the API shows them to the operator, who may do everything.

mod dead;
mod ensure;
mod entries;
mod problem;
mod read;
mod remove;
mod replay;
mod status;

use std::sync::Arc;

use model::{
    BucketName, Denial, Problem, ServiceName, TopicName,
    api::{Publish, Published},
    spec::System,
};
use ports::{clock::Clock, streams};

pub(crate) use dead::Fate;
pub use ensure::Ensure;
pub(crate) use entries::Keys;
pub(crate) use problem::{no_bucket, no_topic};
pub(crate) use read::shown;

use problem::{bad_content, bad_header, not_published, unknown};

use crate::{config::ServiceStreams, supervisor::Answer};

/// What topics and buckets are reached by.
#[derive(Clone)]
pub(crate) struct Messaging {
    /// Which there are, and whose they are.
    pub(crate) system: Arc<System>,
    /// The streams behind them.
    pub(crate) streams: ServiceStreams,
    /// The time.
    pub(crate) clock: Arc<dyn Clock>,
}

impl Messaging {
    /// The topic of this name.
    pub(crate) fn topic(&self, name: &str) -> Answer<&TopicName> {
        let names = self.system.topics.keys();
        names
            .clone()
            .find(|topic| topic.as_str() == name)
            .ok_or_else(|| unknown("topic", name, names.map(TopicName::as_str)))
    }

    /// What services were not allowed to do. A server of one's own does not tell.
    pub(crate) fn denials(&self) -> Vec<Denial> {
        self.streams.server.as_ref().map(|server| server.denials()).unwrap_or_default()
    }

    /// The bucket of this name, and its owner.
    pub(crate) fn bucket(&self, name: &str) -> Answer<(&BucketName, &ServiceName)> {
        let found = self.owned().find(|(bucket, _)| bucket.as_str() == name);
        found.ok_or_else(|| unknown("bucket", name, self.owned().map(|(bucket, _)| bucket.as_str())))
    }

    /// The buckets and their owners.
    fn owned(&self) -> impl Iterator<Item = (&BucketName, &ServiceName)> {
        let services = self.system.services.iter();
        services.flat_map(|(owner, service)| service.buckets.iter().map(move |bucket| (bucket, owner)))
    }

    pub(crate) async fn publish(&self, topic: &TopicName, message: Publish) -> Answer<Published> {
        check_headers(&message.headers)?;
        let payload = message.payload.bytes().map_err(|error| bad_content(&error))?;
        let subject = topic.as_str().to_owned();
        let message = streams::Publish {
            subject,
            headers: message.headers,
            payload,
            id: message.id,
            ..streams::Publish::default()
        };
        let ack = self.streams.topics.publish(message).await.map_err(|error| not_published(topic, error))?;
        Ok(Published { sequence: ack.sequence, duplicate: ack.duplicate })
    }
}

/// Header fields are lines: a name that ends with a colon, and a value.
fn check_headers(headers: &[(String, String)]) -> Result<(), Box<Problem>> {
    let is_name = |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':');
    let is_value = |value: &str| !value.contains(['\r', '\n']);
    let wrong = headers.iter().find(|(name, value)| !is_name(name) || !is_value(value));
    wrong.map_or(Ok(()), |(name, _)| Err(bad_header(name)))
}
