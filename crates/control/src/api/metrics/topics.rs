//! The families of topics. A service may have any number of consumers, so they are summed up by service.

use std::collections::BTreeMap;

use model::{Asked, Denial, Gather, ServiceName, api::TopicStatus};

use super::text::{Family, Kind};

/// What the consumers of a service have come to.
#[derive(Default)]
struct Sum {
    pending: u64,
    unacknowledged: u64,
    dead: u64,
}

pub(super) fn families(topics: &[TopicStatus]) -> [Family; 6] {
    let help = "The messages published to the topic since it is there.";
    let mut published = Family::new("isles_topic_messages_total", Kind::Counter, help);
    let mut kept = Family::new("isles_topic_kept_messages", Kind::Gauge, "The messages that are kept.");
    let mut bytes = Family::new("isles_topic_kept_bytes", Kind::Gauge, "What they take.");
    let help = "Messages that wait for their first delivery to a service's consumers.";
    let mut pending = Family::new("isles_topic_pending_messages", Kind::Gauge, help);
    let help = "Messages delivered to a service's consumers and not acknowledged.";
    let mut unacknowledged = Family::new("isles_topic_unacknowledged_messages", Kind::Gauge, help);
    let mut dead = Family::new("isles_topic_dead_letters", Kind::Gauge, "Dead letters of a service's consumers.");
    for topic in topics {
        let labels = vec![("topic", topic.name.to_string())];
        published.add(&labels, topic.last_sequence);
        kept.add(&labels, topic.messages);
        bytes.add(&labels, topic.bytes);
        for (service, sum) in sums(topic) {
            let labels = vec![("topic", topic.name.to_string()), ("service", service.to_string())];
            pending.add(&labels, sum.pending);
            unacknowledged.add(&labels, sum.unacknowledged);
            dead.add(&labels, sum.dead);
        }
    }
    [published, kept, bytes, pending, unacknowledged, dead]
}

/// What services were denied, whatever the subject: programs choose those.
pub(super) fn denied(denials: &[Denial]) -> Family {
    let help = "What a service's programs were not allowed to do with messages.";
    let mut family = Family::new("isles_topic_denied_total", Kind::Counter, help);
    let mut sums: BTreeMap<_, u64> = BTreeMap::new();
    for Denial { service, asked, times, .. } in denials {
        *sums.entry((service, *asked)).or_default() += times;
    }
    for ((service, asked), times) in sums {
        let asked = match asked {
            Asked::Publish => "publish",
            Asked::Answer => "answer",
            Asked::Subscribe => "subscribe",
        };
        family.add(&vec![("service", service.to_string()), ("asked", asked.to_owned())], times);
    }
    family
}

/// By service, those without a consumer too.
fn sums(topic: &TopicStatus) -> BTreeMap<&ServiceName, Sum> {
    let mut sums: BTreeMap<_, Sum> = topic.subscribers.iter().map(|service| (service, Sum::default())).gather();
    for consumer in &topic.consumers {
        if let Some(sum) = consumer.service.as_ref().and_then(|service| sums.get_mut(service)) {
            sum.pending += consumer.pending;
            sum.unacknowledged += consumer.unacknowledged;
            sum.dead += consumer.dead;
        }
    }
    sums
}
