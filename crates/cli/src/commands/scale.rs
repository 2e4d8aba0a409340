use crate::{Context, args::ScaleArgs, commands::expect, exit::ExitCode, view::plain};

pub(crate) async fn run(context: Context<'_>, args: &ScaleArgs) -> anyhow::Result<ExitCode> {
    let client = context.client()?;
    expect(&client, args.targets.iter().map(|(service, _)| service)).await?;
    for (service, replicas) in &args.targets {
        context.terminal.say(&format!("{service}  scaling to {replicas}\n"));
        let status = client.scale(service, *replicas).await?;
        plain::result(context.terminal, &status, context.settings.json)?;
    }
    Ok(ExitCode::Ok)
}
