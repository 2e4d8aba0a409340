use model::{
    Timestamp, TopicName,
    api::{DeadLetter, DeadLetterId, DeadQuery},
};
use serde::Serialize;

use crate::{
    Context,
    args::DeadArgs,
    exit::ExitCode,
    paint::Style,
    table::{self, Cell},
    text,
};

pub(super) const HEAD: [&str; 9] =
    ["TOPIC", "ID", "SEQUENCE", "PUBLISHED", "TRIES", "FIRST TRY", "LAST TRY", "WHY", "MESSAGE"];

/// The longest part of a message in a table.
const MESSAGE_COLUMNS_MAX: usize = 1000;

/// A dead letter and its topic.
#[derive(Debug, Serialize)]
pub(super) struct Letter<'a> {
    pub(super) topic: &'a TopicName,
    #[serde(flatten)]
    pub(super) letter: DeadLetter,
}

pub(super) async fn list(
    context: Context<'_>,
    topic: Option<&TopicName>,
    which: &DeadQuery,
) -> anyhow::Result<ExitCode> {
    let client = context.client()?;
    let topics = match topic {
        Some(topic) => vec![topic.clone()],
        None => client.topics().await?.into_iter().filter(|topic| topic.dead > 0).map(|topic| topic.name).collect(),
    };
    let (now, mut rows) = ((context.now)(), Vec::new());
    for topic in &topics {
        let mut letters = client.dead(topic, which).await?;
        while let Some(letter) = letters.next().await? {
            let letter = Letter { topic, letter };
            if context.settings.json {
                context.terminal.print_json(&letter)?;
            } else {
                rows.push(row(&letter, now));
            }
        }
    }
    if context.settings.json {
        return Ok(ExitCode::Ok);
    }
    if rows.is_empty() {
        context.terminal.say("there are no dead letters\n");
    } else {
        let text = table::render(&HEAD, rows, context.columns(), context.terminal.out.paint);
        context.terminal.print(&text)?;
    }
    Ok(ExitCode::Ok)
}

pub(super) fn row(Letter { topic, letter }: &Letter<'_>, now: Timestamp) -> Vec<Cell> {
    vec![
        Cell::plain(topic.as_str()),
        Cell::plain(letter.id.to_string()),
        Cell::plain(letter.sequence.to_string()),
        Cell::plain(text::ago(Some(letter.stored_at), now)),
        Cell::plain(letter.deliveries.to_string()),
        Cell::plain(text::ago(letter.first_delivered_at, now)),
        Cell::plain(text::ago(letter.delivered_at, now)),
        Cell::new(&letter.reason, Style::Bad),
        Cell::plain(text::fit(&text::one_line(&letter.payload), MESSAGE_COLUMNS_MAX)),
    ]
}

pub(super) async fn replay(context: Context<'_>, args: &DeadArgs) -> anyhow::Result<ExitCode> {
    let replayed = context.client()?.replay_dead(&args.topic, &args.which()).await?;
    tell(context, &replayed, "published again")
}

pub(super) async fn remove(context: Context<'_>, args: &DeadArgs) -> anyhow::Result<ExitCode> {
    let removed = context.client()?.remove_dead(&args.topic, &args.which()).await?;
    tell(context, &removed, "removed")
}

fn tell(context: Context<'_>, ids: &[DeadLetterId], done: &str) -> anyhow::Result<ExitCode> {
    if context.settings.json {
        ids.iter().try_for_each(|id| context.terminal.print_json(id))?;
    } else if ids.is_empty() {
        context.terminal.say("there are no dead letters\n");
    } else {
        let lines: String = ids.iter().map(|id| format!("{id}  {done}\n")).collect();
        context.terminal.print(&lines)?;
    }
    Ok(ExitCode::Ok)
}
