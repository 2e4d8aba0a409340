use crate::{Context, exit::ExitCode, report::UserError};

pub(crate) async fn run(context: Context<'_>) -> anyhow::Result<ExitCode> {
    if context.settings.json {
        let hint = "leave out --json, or use `isles top --once --json`";
        return Err(UserError::usage("metrics are in the format of Prometheus, not JSON", hint).into());
    }
    let text = context.client()?.metrics().await?;
    context.terminal.print_bytes(&text)?;
    Ok(ExitCode::Ok)
}
