use model::{ByteSize, Timestamp, api::TopicStatus};

use crate::{
    Context,
    exit::ExitCode,
    paint::{Paint, Style},
    table::{self, Cell},
    text,
};

const HEAD: [&str; 7] = ["TOPIC", "MESSAGES", "SIZE", "LAST", "CONSUMERS", "BEHIND", "DEAD"];
const NONE: &str = "the system has no topics: a service that says `publishes = [\"orders.placed\"]` makes one\n";

pub(super) async fn run(context: Context<'_>) -> anyhow::Result<ExitCode> {
    let topics = context.client()?.topics().await?;
    if context.settings.json {
        topics.iter().try_for_each(|topic| context.terminal.print_json(topic))?;
    } else if topics.is_empty() {
        context.terminal.say(NONE);
    } else {
        let text = render(&topics, (context.now)(), context.terminal.out.paint);
        context.terminal.print(&text)?;
    }
    Ok(ExitCode::Ok)
}

/// A line a topic.
pub(super) fn render(topics: &[TopicStatus], now: Timestamp, paint: Paint) -> String {
    table::render(&HEAD, topics.iter().map(|topic| row(topic, now)).collect(), None, paint)
}

fn row(topic: &TopicStatus, now: Timestamp) -> Vec<Cell> {
    let behind = topic.consumers.iter().map(|consumer| consumer.pending).max().unwrap_or(0);
    vec![
        Cell::plain(topic.name.as_str()),
        Cell::plain(topic.messages.to_string()),
        Cell::plain(ByteSize(topic.bytes).to_string()),
        Cell::plain(text::ago(topic.last_at, now)),
        Cell::plain(topic.consumers.len().to_string()),
        Cell::plain(behind.to_string()),
        dead(topic.dead),
    ]
}

/// A number of dead letters, which shall be none.
pub(super) fn dead(count: u64) -> Cell {
    Cell::new(count.to_string(), if count > 0 { Style::Bad } else { Style::Plain })
}
