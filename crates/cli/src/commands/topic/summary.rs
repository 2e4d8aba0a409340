//! The topics in one line, for `isles status`.

use std::cmp::Reverse;

use model::api::TopicStatus;

use crate::{paint::Style, table::Cell, text::count};

/// How many consumers that are behind are named.
const LATE_MAX: usize = 3;

/// `2 topics, 1204 messages; mailer is 20 behind in orders.placed; 3 dead letters`, if there are topics.
pub(crate) fn cell(topics: &[TopicStatus]) -> Option<Cell> {
    let number = |number: u64, noun| count(usize::try_from(number).unwrap_or(usize::MAX), noun);
    let messages = topics.iter().map(|topic| topic.messages).sum();
    let dead: u64 = topics.iter().map(|topic| topic.dead).sum();
    let mut parts = vec![format!("{}, {}", count(topics.len(), "topic"), number(messages, "message"))];
    parts.extend(late(topics));
    if dead > 0 {
        parts.push(format!("{}: see `isles topic dead ls`", number(dead, "dead letter")));
    }
    let style = if dead > 0 { Style::Worrying } else { Style::Plain };
    (!topics.is_empty()).then(|| Cell::new(parts.join("; "), style))
}

/// Those that are furthest behind.
fn late(topics: &[TopicStatus]) -> Vec<String> {
    let consumers = topics.iter().flat_map(|topic| topic.consumers.iter().map(move |consumer| (topic, consumer)));
    let mut late: Vec<_> = consumers.filter(|(_, consumer)| consumer.pending > 0).collect();
    late.sort_by_key(|(_, consumer)| Reverse(consumer.pending));
    let line = |(topic, consumer): &(&TopicStatus, &model::api::ConsumerStatus)| {
        format!("{} is {} behind in {}", consumer.name, consumer.pending, topic.name)
    };
    late.iter().take(LATE_MAX).map(line).collect()
}
