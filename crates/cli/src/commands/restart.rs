use std::collections::BTreeSet;

use model::ServiceName;

use crate::{
    Context,
    args::RestartArgs,
    commands::{expect, say_what_it_waits_for},
    exit::ExitCode,
    view::plain,
};

pub(crate) async fn run(context: Context<'_>, args: &RestartArgs) -> anyhow::Result<ExitCode> {
    let client = context.client()?;
    expect(&client, &args.services).await?;
    for service in once(&args.services) {
        context.terminal.say(&format!("{service}  restarting\n"));
        say_what_it_waits_for(context.terminal, &client, service).await;
        let status = client.restart(service).await?;
        plain::result(context.terminal, &status, context.settings.json)?;
    }
    Ok(ExitCode::Ok)
}

/// In their order, those that are named twice once.
pub(super) fn once(services: &[ServiceName]) -> Vec<&ServiceName> {
    let mut seen = BTreeSet::new();
    services.iter().filter(|service| seen.insert(*service)).collect()
}
