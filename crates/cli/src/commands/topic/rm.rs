use model::TopicName;

use crate::{Context, args::RmArgs, exit::ExitCode};

pub(super) async fn message(context: Context<'_>, args: &RmArgs) -> anyhow::Result<ExitCode> {
    let client = context.client()?;
    for sequence in &args.sequences {
        let removed = client.remove_message(&args.topic, *sequence).await?;
        if context.settings.json {
            context.terminal.print_json(&removed)?;
        } else {
            context.terminal.print(&format!("{}  {sequence}  removed\n", args.topic))?;
        }
    }
    Ok(ExitCode::Ok)
}

pub(super) async fn consumer(context: Context<'_>, topic: &TopicName, name: &str) -> anyhow::Result<ExitCode> {
    let removed = context.client()?.remove_consumer(topic, name).await?;
    if context.settings.json {
        context.terminal.print_json(&removed)?;
        return Ok(ExitCode::Ok);
    }
    context.terminal.print(&format!("{name}  removed from {topic}\n"))?;
    if let Some(service) = removed.made_again_by {
        let again =
            format!("{service} subscribes to {topic}: its program makes a new one when it runs again, which begins");
        context.terminal.say(&format!("{again} where the program says, at the first message if it says nothing\n"));
    }
    Ok(ExitCode::Ok)
}
