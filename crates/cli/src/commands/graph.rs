use std::fs;

use model::spec::System;

use crate::{Context, args::GraphArgs, exit::ExitCode, report::UserError};

pub(crate) fn run(context: Context<'_>, args: &GraphArgs) -> anyhow::Result<ExitCode> {
    let system = context.settings.project()?.system(context.terminal.err.paint.on)?;
    let graph = draw(&system, args, context.settings.json)?;
    match &args.output {
        None => context.terminal.print(&graph)?,
        Some(path) => fs::write(context.settings.current_dir.join(path), graph).map_err(|error| {
            UserError::failed(format!("{} cannot be written: {error}", path.display()), "name another file with -o")
        })?,
    }
    Ok(ExitCode::Ok)
}

fn draw(system: &System, args: &GraphArgs, json: bool) -> anyhow::Result<String> {
    match (json, args.dot, args.svg, args.mermaid) {
        (true, false, false, false) => Ok(serde_json::to_string(system)? + "\n"),
        (true, ..) => Err(UserError::usage("--json is a format of its own", "give one format").into()),
        (_, true, ..) => Ok(draw::dot(system)),
        (_, _, true, _) => Ok(draw::svg(system)),
        _ => Ok(draw::mermaid(system)),
    }
}
