use client::{Client, ClientError};
use model::api::RolloutStatus;
use serde::Serialize;

use super::changes;
use crate::{
    Context,
    args::{AbortArgs, RolloutArgs},
    exit::ExitCode,
    paint::Paint,
    view::{
        rollout::{follow, goes_on, picture},
        trouble,
    },
};

/// Something was aborted whose rollout had not begun.
#[derive(Serialize)]
struct GivenUp {
    given_up: bool,
}

pub(crate) async fn run(context: Context<'_>, args: &RolloutArgs) -> anyhow::Result<ExitCode> {
    let client = context.client()?;
    let status = client.rollout().await?;
    if args.watch {
        return follow(context, &client, status).await;
    }
    let why = why(&status, context.terminal.out.paint);
    print(context, &status, &why)
}

/// Lets a person's word have its effect, and shows the rollout as it is then.
pub(crate) async fn command(
    context: Context<'_>,
    say: impl AsyncFnOnce(&Client) -> Result<RolloutStatus, ClientError>,
) -> anyhow::Result<ExitCode> {
    let client = context.client()?;
    let status = say(&client).await?;
    print(context, &status, "")
}

/// Takes back what is under way, or what waits. A rollout is shown as it is then.
pub(crate) async fn abort(context: Context<'_>, args: &AbortArgs) -> anyhow::Result<ExitCode> {
    let client = context.client()?;
    if let Some(status) = client.abort(args.queued).await? {
        return print(context, &status, "");
    }
    if context.settings.json {
        context.terminal.print_json(&GivenUp { given_up: true })?;
    } else {
        context.terminal.print("it is given up: its rollout had not begun\n")?;
    }
    Ok(ExitCode::Ok)
}

/// Shows a rollout that a command has begun until it has ended, or only that it has begun.
pub(super) async fn begun(
    context: Context<'_>,
    client: &Client,
    status: RolloutStatus,
    detach: bool,
) -> anyhow::Result<ExitCode> {
    if !context.settings.json {
        context.terminal.say(&changes::overruled(&status.overruled));
    }
    if !detach {
        return follow(context, client, status).await;
    }
    if status.ended_at.is_none() {
        context.terminal.say(&(goes_on(context.settings) + "\n"));
    }
    print(context, &status, "")
}

fn print(context: Context<'_>, status: &RolloutStatus, why: &str) -> anyhow::Result<ExitCode> {
    if context.settings.json {
        context.terminal.print_json(status)?;
    } else {
        let text = picture(status, (context.now)(), context.columns(), context.terminal.out.paint);
        context.terminal.print(&(text + why))?;
    }
    Ok(ExitCode::Ok)
}

/// Why it goes back, or what is wrong so far, with what shows it.
fn why(status: &RolloutStatus, paint: Paint) -> String {
    let problem = status.problem.as_ref();
    let shown = problem.map(|problem| trouble::render(&format!("release {}", status.to), problem, paint));
    shown.map(|shown| format!("\n{shown}")).unwrap_or_default()
}
