use clap::CommandFactory;
use clap_complete::{Shell, generate};

use crate::{Context, args::Arguments, exit::ExitCode, report::UserError};

pub(crate) fn run(context: Context<'_>, shell: Shell) -> anyhow::Result<ExitCode> {
    if context.settings.json {
        return Err(UserError::usage("completions are a script, not JSON", "leave out --json").into());
    }
    let mut script = Vec::new();
    generate(shell, &mut Arguments::command(), "isles", &mut script);
    context.terminal.print_bytes(&script)?;
    Ok(ExitCode::Ok)
}
