use client::{Client, ClientError};
use model::api::RolloutStatus;

use crate::{
    Context,
    args::RolloutArgs,
    exit::ExitCode,
    view::rollout::{follow, goes_on, picture},
};

pub(crate) async fn run(context: Context<'_>, args: &RolloutArgs) -> anyhow::Result<ExitCode> {
    let client = context.client()?;
    let status = client.rollout().await?;
    if args.watch {
        return follow(context, &client, status).await;
    }
    print(context, &status)
}

/// Lets a person's word have its effect, and shows the rollout as it is then.
pub(crate) async fn command(
    context: Context<'_>,
    say: impl AsyncFnOnce(&Client) -> Result<RolloutStatus, ClientError>,
) -> anyhow::Result<ExitCode> {
    let client = context.client()?;
    let status = say(&client).await?;
    print(context, &status)
}

/// Shows a rollout that a command has begun until it has ended, or only that it has begun.
pub(super) async fn begun(
    context: Context<'_>,
    client: &Client,
    status: RolloutStatus,
    detach: bool,
) -> anyhow::Result<ExitCode> {
    if !detach {
        return follow(context, client, status).await;
    }
    context.terminal.say(&(goes_on(context.settings) + "\n"));
    print(context, &status)
}

fn print(context: Context<'_>, status: &RolloutStatus) -> anyhow::Result<ExitCode> {
    if context.settings.json {
        context.terminal.print_json(status)?;
    } else {
        let text = picture(status, (context.now)(), context.columns(), context.terminal.out.paint);
        context.terminal.print(&text)?;
    }
    Ok(ExitCode::Ok)
}
