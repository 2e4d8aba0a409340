//! The topics in one line, for `isles status`, `ps` and `top`.

use std::cmp::Reverse;

use client::{Client, ClientError};
use model::api::TopicStatus;

use crate::{paint::Style, table::Cell, text::count};

/// How many consumers that are behind are named.
const LATE_MAX: usize = 3;

/// The line, or why there is none where topics cannot be asked.
pub(crate) async fn ask(client: &Client) -> Result<Option<Cell>, ClientError> {
    match client.topics().await {
        Ok(topics) => Ok(cell(&topics)),
        Err(ClientError::Api(problem)) => Ok(Some(Cell::new(problem.detail, Style::Worrying))),
        Err(error) => Err(error),
    }
}

/// The line with its name.
pub(crate) fn row(topics: Cell) -> Vec<Cell> {
    vec![Cell::new("topics", Style::Dim), topics]
}

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
