use model::{
    Timestamp, TopicName,
    api::{DeadLetter, DeadLetterId, DeadQuery, ReplayDead},
};
use serde::Serialize;

use crate::{
    Context,
    exit::ExitCode,
    paint::{Paint, Style},
    table::{self, Cell},
    text,
};

const HEAD: [&str; 8] = ["TOPIC", "ID", "SEQUENCE", "PUBLISHED", "TRIES", "LAST TRY", "WHY", "MESSAGE"];

/// A dead letter and its topic.
#[derive(Debug, Serialize)]
pub(super) struct Letter {
    pub(super) topic: TopicName,
    #[serde(flatten)]
    pub(super) letter: DeadLetter,
}

pub(super) async fn list(
    context: Context<'_>,
    topic: Option<&TopicName>,
    consumer: Option<&str>,
) -> anyhow::Result<ExitCode> {
    let client = context.client()?;
    let topics = match topic {
        Some(topic) => vec![topic.clone()],
        None => client.topics().await?.into_iter().filter(|topic| topic.dead > 0).map(|topic| topic.name).collect(),
    };
    let mut letters = Vec::new();
    for topic in topics {
        let query = DeadQuery { consumer: consumer.map(str::to_owned), limit: None };
        let found = client.dead(&topic, &query).await?;
        letters.extend(found.into_iter().map(|letter| Letter { topic: topic.clone(), letter }));
    }
    if context.settings.json {
        letters.iter().try_for_each(|letter| context.terminal.print_json(letter))?;
    } else if letters.is_empty() {
        context.terminal.say("there are no dead letters\n");
    } else {
        let text = render(&letters, (context.now)(), context.columns(), context.terminal.out.paint);
        context.terminal.print(&text)?;
    }
    Ok(ExitCode::Ok)
}

/// A line a letter, at most `columns` wide.
pub(super) fn render(letters: &[Letter], now: Timestamp, columns: Option<usize>, paint: Paint) -> String {
    table::render(&HEAD, letters.iter().map(|letter| row(letter, now)).collect(), columns, paint)
}

fn row(Letter { topic, letter }: &Letter, now: Timestamp) -> Vec<Cell> {
    vec![
        Cell::plain(topic.as_str()),
        Cell::plain(letter.id.to_string()),
        Cell::plain(letter.sequence.to_string()),
        Cell::plain(text::ago(Some(letter.stored_at), now)),
        Cell::plain(letter.deliveries.to_string()),
        Cell::plain(text::ago(letter.delivered_at, now)),
        Cell::new(&letter.reason, Style::Bad),
        Cell::plain(text::one_line(&letter.payload)),
    ]
}

pub(super) async fn replay(
    context: Context<'_>,
    topic: &TopicName,
    ids: Option<Vec<DeadLetterId>>,
) -> anyhow::Result<ExitCode> {
    let replayed = context.client()?.replay_dead(topic, &ReplayDead { ids }).await?;
    if context.settings.json {
        replayed.iter().try_for_each(|id| context.terminal.print_json(id))?;
    } else if replayed.is_empty() {
        context.terminal.say("there are no dead letters\n");
    } else {
        let lines: String = replayed.iter().map(|id| format!("{id}  published again\n")).collect();
        context.terminal.print(&lines)?;
    }
    Ok(ExitCode::Ok)
}
