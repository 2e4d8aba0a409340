use client::Client;
use model::api::{Message, MessageQuery, Start, TopicStatus};

use crate::{
    Context,
    args::TailArgs,
    commands::follow::follow,
    exit::ExitCode,
    paint::{Paint, Style},
    terminal::Terminal,
    text,
};

pub(super) async fn run(context: Context<'_>, args: &TailArgs) -> anyhow::Result<ExitCode> {
    let client = context.client()?;
    let mut shown = Shown { left: args.count, headers: args.headers, json: context.settings.json };
    if args.once {
        return once(&client, args, context.terminal, &mut shown).await;
    }
    let status = client.topic(&args.topic).await?;
    let start = start(args.from, &status);
    if !context.settings.json && waits(start, &status) {
        context.terminal.say(&waiting(&status));
    }
    let terminal = context.terminal;
    follow(
        async |last| {
            let from = if last == 0 { start } else { Start::Sequence(last + 1) };
            client.messages(&args.topic, &MessageQuery { from: Some(from), follow: true }).await
        },
        |message: &Message| message.sequence,
        |message| shown.show(message, terminal),
    )
    .await
}

async fn once(
    client: &Client,
    args: &TailArgs,
    terminal: &mut Terminal,
    shown: &mut Shown,
) -> anyhow::Result<ExitCode> {
    let mut messages = client.messages(&args.topic, &MessageQuery { from: args.from, follow: false }).await?;
    while let Some(message) = messages.next().await? {
        if !shown.show(&message, terminal)? {
            break;
        }
    }
    Ok(ExitCode::Ok)
}

/// Where to begin, so that nothing is missed however often the stream is opened again.
fn start(from: Option<Start>, status: &TopicStatus) -> Start {
    match from {
        None | Some(Start::New) => Start::Sequence(status.last_sequence + 1),
        Some(Start::Last) if status.messages > 0 => Start::Sequence(status.last_sequence),
        Some(Start::Last) => Start::Sequence(status.last_sequence + 1),
        Some(start) => start,
    }
}

/// Whether nothing is shown until something is published.
fn waits(start: Start, status: &TopicStatus) -> bool {
    status.messages == 0 || matches!(start, Start::Sequence(sequence) if sequence > status.last_sequence)
}

fn waiting(status: &TopicStatus) -> String {
    let so_far = if status.last_sequence == 0 { ": nothing was published yet" } else { "" };
    format!("waiting for messages on {}{so_far}; Ctrl-C ends it\n", status.name)
}

/// How messages are shown, and how many more.
struct Shown {
    left: Option<u64>,
    headers: bool,
    json: bool,
}

impl Shown {
    /// Shows a message; whether more are wanted.
    fn show(&mut self, message: &Message, terminal: &mut Terminal) -> anyhow::Result<bool> {
        if self.json {
            terminal.print_json(message)?;
        } else {
            let text = render(message, self.headers, terminal.out.paint);
            terminal.print(&text)?;
        }
        self.left = self.left.map(|left| left - 1);
        Ok(self.left != Some(0))
    }
}

/// `1205  2026-11-26T08:30:00.123Z  {"order": 7}`, and below it the header fields if they are wanted.
pub(super) fn render(message: &Message, headers: bool, paint: Paint) -> String {
    let place = paint.apply(Style::Dim, &format!("{}  {}", message.sequence, text::moment(message.at)));
    let mut text = format!("{place}  {}\n", text::one_line(&message.payload));
    for (name, value) in message.headers.iter().filter(|_| headers) {
        text.push_str(&paint.apply(Style::Dim, &text::clean(&format!("    {name}: {value}"), false)));
        text.push('\n');
    }
    text
}
