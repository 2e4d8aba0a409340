//! What a stream says of its consumers' redeliveries, in its metadata: JetStream itself has nothing for this.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use super::{AckPolicy, ConsumerConfig};
use crate::Gather;

/// `true` in the metadata of a consumer that wants its dead letters kept, or of a stream whose consumers all do.
pub const DEAD_LETTER_KEY: &str = "isles.dead-letter";
const MAX_DELIVER_KEY: &str = "isles.max-deliver";
/// Milliseconds, separated by spaces.
const BACKOFF_KEY: &str = "isles.backoff-ms";

/// How often and when messages come again, for consumers that do not say it themselves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redelivery {
    /// How often a message is delivered; any number of times if `None`.
    pub max_deliver: Option<u32>,
    /// How long the n-th acknowledgement may take; the last one stays in force. As JetStream's `ack_wait` says if it is empty.
    pub backoff: Vec<Duration>,
    /// Whether a message that was delivered as often as it may be is kept for a person to look at.
    pub dead_letter: bool,
}

impl Default for Redelivery {
    fn default() -> Self {
        Self { max_deliver: None, backoff: Vec::new(), dead_letter: true }
    }
}

impl Redelivery {
    /// As a stream's metadata says it.
    pub fn read(metadata: &BTreeMap<String, String>) -> Self {
        let millis = |text: &String| text.split(' ').filter_map(|one| one.parse().ok()).collect::<Vec<u64>>();
        let backoff = metadata.get(BACKOFF_KEY).map(millis).unwrap_or_default();
        Self {
            max_deliver: metadata.get(MAX_DELIVER_KEY).and_then(|number| number.parse().ok()),
            backoff: backoff.into_iter().map(Duration::from_millis).collect(),
            dead_letter: metadata.get(DEAD_LETTER_KEY).is_some_and(|value| value == "true"),
        }
    }

    /// The metadata of a stream; none where nothing is said of redeliveries.
    pub fn metadata(&self) -> BTreeMap<String, String> {
        let backoff = self.backoff.iter().map(|pause| pause.as_millis().to_string()).collect::<Vec<_>>().join(" ");
        let max_deliver = self.max_deliver.map(|most| (MAX_DELIVER_KEY, most.to_string()));
        let backoff = (!backoff.is_empty()).then_some((BACKOFF_KEY, backoff));
        let dead_letter = self.dead_letter.then(|| (DEAD_LETTER_KEY, "true".to_owned()));
        let all = [max_deliver, backoff, dead_letter].into_iter().flatten();
        all.map(|(key, value)| (key.to_owned(), value)).gather()
    }

    /// Takes out of a stream's metadata what it says of redeliveries, for an engine that does not do it.
    pub fn forget(metadata: &mut BTreeMap<String, String>) {
        metadata.retain(|key, _| ![MAX_DELIVER_KEY, BACKOFF_KEY, DEAD_LETTER_KEY].contains(&key.as_str()));
    }

    /// Gives a consumer what it does not say itself. One that acknowledges nothing gets no message again.
    pub fn fill(&self, consumer: &mut ConsumerConfig) {
        if consumer.ack_policy == AckPolicy::None {
            return;
        }
        if let (Some(most), ..=0) = (self.max_deliver, consumer.max_deliver) {
            consumer.max_deliver = most.into();
        }
        if consumer.backoff.is_empty() && consumer.ack_wait.is_zero() {
            consumer.backoff.clone_from(&self.backoff);
        }
        if self.dead_letter && consumer.is_durable() && consumer.max_deliver > 0 {
            consumer.metadata.entry(DEAD_LETTER_KEY.into()).or_insert_with(|| "true".into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topic() -> Redelivery {
        let backoff = vec![Duration::from_secs(1), Duration::from_millis(2500)];
        Redelivery { max_deliver: Some(3), backoff, dead_letter: true }
    }

    #[test]
    fn metadata_is_read_as_it_was_written() {
        let bare = Redelivery { dead_letter: false, ..Redelivery::default() };
        for redelivery in [topic(), Redelivery::default(), bare.clone()] {
            let mut metadata = redelivery.metadata();
            assert_eq!(Redelivery::read(&metadata), redelivery);
            Redelivery::forget(&mut metadata);
            assert_eq!(metadata, BTreeMap::new());
        }
        assert_eq!(bare.metadata(), BTreeMap::new());
    }

    #[test]
    fn a_consumer_gets_what_it_does_not_say() {
        let durable =
            ConsumerConfig { durable_name: "a".into(), ack_policy: AckPolicy::Explicit, ..Default::default() };
        let said = |consumer: &ConsumerConfig| {
            let mut consumer = consumer.clone();
            topic().fill(&mut consumer);
            (consumer.max_deliver, consumer.backoff.len(), consumer.metadata.contains_key(DEAD_LETTER_KEY))
        };
        assert_eq!(said(&durable), (3, 2, true));
        assert_eq!(said(&ConsumerConfig { max_deliver: -1, ..durable.clone() }), (3, 2, true));
        assert_eq!(said(&ConsumerConfig { max_deliver: 7, ..durable.clone() }), (7, 2, true));
        assert_eq!(said(&ConsumerConfig { ack_wait: Duration::from_secs(9), ..durable.clone() }), (3, 0, true));
        assert_eq!(said(&ConsumerConfig { durable_name: String::new(), ..durable.clone() }), (3, 2, false));
        assert_eq!(said(&ConsumerConfig { ack_policy: AckPolicy::None, ..durable.clone() }), (0, 0, false));
        let mut endless = durable.clone();
        Redelivery::default().fill(&mut endless);
        assert_eq!(endless, durable, "what comes for ever is never dead");
    }
}
