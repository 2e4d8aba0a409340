use std::time::Duration;

use model::{
    ByteSize, ServiceName, Timestamp, TopicName,
    api::{ConsumerStatus, TopicStatus},
    format_duration,
    streams::Retention,
};

use super::ls;
use crate::{
    Context,
    exit::ExitCode,
    paint::{Paint, Style},
    table::{self, Cell},
    text,
};

const HEAD: [&str; 8] =
    ["CONSUMER", "SERVICE", "DELIVERED", "BEHIND", "UNACKNOWLEDGED", "REDELIVERED", "DEAD", "STATE"];

pub(super) async fn run(context: Context<'_>, topic: &TopicName) -> anyhow::Result<ExitCode> {
    let status = context.client()?.topic(topic).await?;
    if context.settings.json {
        context.terminal.print_json(&status)?;
    } else {
        let text = render(&status, (context.now)(), context.terminal.out.paint);
        context.terminal.print(&text)?;
    }
    Ok(ExitCode::Ok)
}

/// What it holds, and a line a consumer.
pub(super) fn render(topic: &TopicStatus, now: Timestamp, paint: Paint) -> String {
    let mut rows = vec![
        field("topic", format!("{}, the stream {}", topic.name, topic.stream)),
        field("messages", messages(topic)),
        field("published", published(topic, now)),
        field("kept", kept(topic)),
    ];
    rows.extend(topic.durability.as_ref().map(|durability| field("durability", durability.clone())));
    rows.extend([field("publishers", names(&topic.publishers)), field("subscribers", names(&topic.subscribers))]);
    if topic.dead > 0 {
        let hint = format!("{}: see `isles topic dead ls {}`", topic.dead, topic.name);
        rows.push(vec![Cell::new("dead", Style::Dim), Cell::new(hint, Style::Bad)]);
    }
    let head = table::render_rows(rows, None, paint);
    if topic.consumers.is_empty() {
        return format!("{head}\nno consumers yet: a subscriber makes its own when it runs\n");
    }
    format!("{head}\n{}", table::render(&HEAD, topic.consumers.iter().map(row).collect(), None, paint))
}

fn field(name: &str, value: String) -> Vec<Cell> {
    vec![Cell::new(name, Style::Dim), Cell::plain(value)]
}

fn messages(topic: &TopicStatus) -> String {
    match topic.messages {
        0 => "none".into(),
        count => {
            let (first, last) = (topic.first_sequence, topic.last_sequence);
            format!("{count}, {}, sequences {first} to {last}", ByteSize(topic.bytes))
        }
    }
}

fn published(topic: &TopicStatus, now: Timestamp) -> String {
    match (topic.messages, topic.last_at) {
        (_, None) => "nothing yet".into(),
        (0, last) => format!("last {}", text::ago(last, now)),
        (_, last) => format!("last {}, the oldest kept {}", text::ago(last, now), text::ago(topic.first_at, now)),
    }
}

/// `for 7d, at most 1GiB`.
fn kept(topic: &TopicStatus) -> String {
    let until = match topic.retention {
        Retention::Limits => None,
        Retention::Interest => Some("until every consumer has acknowledged".to_owned()),
        Retention::WorkQueue => Some("until a consumer has acknowledged".to_owned()),
    };
    let age = topic.age_max_ms.map(|age| format!("for {}", format_duration(Duration::from_millis(age))));
    let bytes = topic.bytes_max.map(|bytes| format!("at most {}", ByteSize(bytes)));
    let count = topic.messages_max.map(|count| format!("at most {count} messages"));
    let parts: Vec<_> = [until, age, bytes, count].into_iter().flatten().collect();
    if parts.is_empty() { "for ever".into() } else { parts.join(", ") }
}

fn names(services: &[ServiceName]) -> String {
    services.iter().map(ServiceName::as_str).collect::<Vec<_>>().join(", ")
}

fn row(consumer: &ConsumerStatus) -> Vec<Cell> {
    vec![
        Cell::plain(&consumer.name),
        Cell::plain(consumer.service.as_ref().map(ToString::to_string).unwrap_or_default()),
        Cell::plain(consumer.delivered_sequence.to_string()),
        Cell::plain(consumer.pending.to_string()),
        Cell::plain(consumer.unacknowledged.to_string()),
        Cell::plain(consumer.redelivered.to_string()),
        ls::dead(consumer.dead),
        state(consumer),
    ]
}

fn state(consumer: &ConsumerStatus) -> Cell {
    match consumer {
        ConsumerStatus { paused: true, .. } => Cell::new("paused", Style::Worrying),
        ConsumerStatus { durable: false, .. } => Cell::new("ephemeral", Style::Dim),
        _ => Cell::plain("durable"),
    }
}
