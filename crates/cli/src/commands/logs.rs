use client::Client;
use model::{
    Timestamp,
    api::{LogLine, LogQuery},
};

use crate::{
    Context,
    args::LogsArgs,
    exit::ExitCode,
    terminal::Terminal,
    view::{lines::Lines, tail::Tail},
};

pub(crate) async fn run(context: Context<'_>, args: &LogsArgs) -> anyhow::Result<ExitCode> {
    let client = context.client()?;
    let query = query(args, (context.now)());
    if context.settings.json {
        return pass(&client, query, context.terminal, |terminal, line| terminal.print_json(&line)).await;
    }
    let mut lines = Lines::new(&client.system().await?, args.timestamps);
    pass(&client, query, context.terminal, |terminal, line| {
        let text = lines.render(&line, terminal.out.paint);
        Ok(terminal.print(&text)?)
    })
    .await
}

async fn pass(
    client: &Client,
    query: LogQuery,
    terminal: &mut Terminal,
    mut show: impl FnMut(&mut Terminal, LogLine) -> anyhow::Result<()>,
) -> anyhow::Result<ExitCode> {
    let mut tail = Tail::new(client, query);
    while let Some(line) = tail.next().await? {
        show(terminal, line)?;
    }
    Ok(ExitCode::Ok)
}

fn query(args: &LogsArgs, now: Timestamp) -> LogQuery {
    let services: Vec<_> = args.services.iter().map(model::ServiceName::as_str).collect();
    LogQuery {
        services: services.join(","),
        since: args.since.map(|since| (now - since).0),
        tail: args.tail,
        follow: args.follow,
    }
}
