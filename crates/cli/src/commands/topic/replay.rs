use model::api::{Replay, Replayed};

use crate::{Context, args::ReplayArgs, exit::ExitCode, text};

pub(super) async fn run(context: Context<'_>, args: &ReplayArgs) -> anyhow::Result<ExitCode> {
    let replayed = context.client()?.replay(&args.topic, &args.consumer, &Replay { from: args.from }).await?;
    if context.settings.json {
        context.terminal.print_json(&replayed)?;
    } else {
        context.terminal.print(&render(args, &replayed))?;
        if let Some(first) = replayed.unacknowledged {
            let again = format!("what it has not acknowledged before comes again all the same, message {first} first");
            context.terminal.say(&format!("{again}; `--from new` passes over it\n"));
        }
    }
    Ok(ExitCode::Ok)
}

fn render(args: &ReplayArgs, replayed: &Replayed) -> String {
    let messages = text::count(usize::try_from(replayed.messages).unwrap_or(usize::MAX), "message");
    format!("{}  gets {} from {} on: {messages}\n", args.consumer, args.topic, replayed.sequence)
}
