use model::api::Publish;

use crate::{Context, args::PubArgs, commands::content, exit::ExitCode};

pub(super) async fn run(context: Context<'_>, args: &PubArgs) -> anyhow::Result<ExitCode> {
    let client = context.client()?;
    let message = Publish { payload: content(&args.payload)?, headers: args.headers.clone(), id: args.id.clone() };
    let published = client.publish(&args.topic, &message).await?;
    if context.settings.json {
        context.terminal.print_json(&published)?;
        return Ok(ExitCode::Ok);
    }
    let kept = if published.duplicate { "  was kept before, under the same id" } else { "" };
    context.terminal.print(&format!("{}  {}{kept}\n", args.topic, published.sequence))?;
    Ok(ExitCode::Ok)
}
