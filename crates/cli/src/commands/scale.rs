use crate::{
    Context,
    args::ScaleArgs,
    commands::{expect, say_what_it_waits_for},
    exit::ExitCode,
    report::UserError,
    view::plain,
};

pub(crate) async fn run(context: Context<'_>, args: &ScaleArgs) -> anyhow::Result<ExitCode> {
    if let Some((service, replicas)) = args.targets.iter().find(|(_, replicas)| replicas.is_some() == args.auto) {
        let cause = match replicas {
            Some(_) => format!("`{service}` cannot have a number and follow the load"),
            None => format!("how many instances of `{service}`?"),
        };
        let hint = format!("write `isles scale {service}=3`, or `isles scale {service} --auto`");
        return Err(UserError::usage(cause, hint).into());
    }
    let client = context.client()?;
    expect(&client, args.targets.iter().map(|(service, _)| service)).await?;
    for (service, replicas) in &args.targets {
        if let Some(replicas) = replicas {
            context.terminal.say(&format!("{service}  scaling to {replicas}\n"));
        }
        say_what_it_waits_for(context.terminal, &client, service).await;
        let status = client.scale(service, *replicas).await?;
        if replicas.is_none() {
            context.terminal.say(&format!("{service}  follows the load again\n"));
        }
        plain::result(context.terminal, &status, context.settings.json)?;
    }
    Ok(ExitCode::Ok)
}
