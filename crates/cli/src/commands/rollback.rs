use model::api::{Rollback, RolloutPhase};

use super::rollout;
use crate::{Context, args::RollbackArgs, exit::ExitCode, report::UserError};

pub(crate) async fn run(context: Context<'_>, args: &RollbackArgs) -> anyhow::Result<ExitCode> {
    let client = context.client()?;
    let status = client.rollback(&Rollback { service: args.service.clone(), to: args.to }).await?;
    let (from, undoes) = (status.from, status.phase == RolloutPhase::Restoring);
    let Context { settings, terminal, now } = context;
    let watching = Context { settings, terminal: &mut *terminal, now };
    match rollout::begun(watching, &client, status, args.detach).await {
        // What was under way is taken back, as was asked for.
        Err(error) if undoes && is_taken_back(&error) => {
            if !settings.json {
                terminal.print(&format!("release {from} runs again\n"))?;
            }
            Ok(ExitCode::Ok)
        }
        ended => ended,
    }
}

fn is_taken_back(error: &anyhow::Error) -> bool {
    error.downcast_ref::<UserError>().is_some_and(|error| error.code == ExitCode::RolledBack)
}
