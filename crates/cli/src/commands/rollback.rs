use model::api::Rollback;

use super::rollout;
use crate::{Context, args::RollbackArgs, exit::ExitCode};

pub(crate) async fn run(context: Context<'_>, args: &RollbackArgs) -> anyhow::Result<ExitCode> {
    let client = context.client()?;
    let status = client.rollback(&Rollback { service: args.service.clone(), to: args.to }).await?;
    rollout::begun(context, &client, status, args.detach).await
}
