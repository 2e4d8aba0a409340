use model::api::ReleaseDiff;

use super::changes::{self, Changes};
use crate::{Context, args::DiffArgs, exit::ExitCode, paint::Paint};

pub(crate) async fn run(context: Context<'_>, args: &DiffArgs) -> anyhow::Result<ExitCode> {
    let diff = context.client()?.diff(args.from, args.to).await?;
    if context.settings.json {
        context.terminal.print_json(&diff)?;
    } else {
        let text = render(&diff, context.columns(), context.terminal.out.paint);
        context.terminal.print(&text)?;
    }
    Ok(ExitCode::Ok)
}

pub(crate) fn render(diff: &ReleaseDiff, columns: Option<usize>, paint: Paint) -> String {
    let changes = Changes { services: &diff.services, others: &diff.others, is_plan: false };
    let text = changes::render(&changes, columns, paint);
    if text.is_empty() { format!("nothing differs between {} and {}\n", diff.from, diff.to) } else { text }
}
