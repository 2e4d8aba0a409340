use clap::CommandFactory;
use clap_complete::{Shell, generate};

use crate::{Context, args::Arguments, exit::ExitCode};

pub(crate) fn run(context: Context<'_>, shell: Shell) -> anyhow::Result<ExitCode> {
    context.settings.refuse_json("completions are a script")?;
    let mut script = Vec::new();
    generate(shell, &mut Arguments::command(), "isles", &mut script);
    context.terminal.print_bytes(&script)?;
    Ok(ExitCode::Ok)
}
