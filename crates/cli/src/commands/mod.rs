//! The verbs, a file each: a thin function that asks and a pure one that renders.

mod call;
mod changes;
mod check;
mod completions;
mod deploy;
mod diff;
mod down;
mod follow;
mod graph;
mod init;
mod kv;
mod logs;
mod metrics;
mod pinned;
mod ps;
mod releases;
mod restart;
mod rollback;
mod rollout;
mod scale;
mod status;
mod top;
mod topic;
mod why;

use std::io::Read;

use client::{Client, ClientError};
use model::{ServiceName, api::Content};

use crate::{Context, args::Verb, exit::ExitCode, report::UserError, terminal::Terminal};

/// Stands for standard input.
const STDIN: &str = "-";

/// Runs a verb.
pub(crate) async fn run(verb: &Verb, context: Context<'_>) -> anyhow::Result<ExitCode> {
    match verb {
        Verb::Down => down::run(context).await,
        Verb::Ps => ps::run(context).await,
        Verb::Status => status::run(context).await,
        Verb::Logs(args) => logs::run(context, args).await,
        Verb::Deploy(args) => deploy::run(context, args).await,
        Verb::Rollout(args) => rollout::run(context, args).await,
        Verb::Promote => rollout::command(context, Client::promote).await,
        Verb::Pause => rollout::command(context, Client::pause).await,
        Verb::Resume => rollout::command(context, Client::resume).await,
        Verb::Abort(args) => rollout::abort(context, args).await,
        Verb::Rollback(args) => rollback::run(context, args).await,
        Verb::Releases => releases::run(context).await,
        Verb::Diff(args) => diff::run(context, args).await,
        Verb::Restart(args) => restart::run(context, args).await,
        Verb::Scale(args) => scale::run(context, args).await,
        Verb::Call(args) => call::run(context, args).await,
        Verb::Why { service } => why::run(context, service).await,
        Verb::Top(args) => top::run(context, args).await,
        Verb::Metrics => metrics::run(context).await,
        Verb::Topic { verb } => topic::run(context, verb).await,
        Verb::Kv { verb } => kv::run(context, verb).await,
        Verb::Check => check::run(context),
        Verb::Graph(args) => graph::run(context, args),
        Verb::Init { path } => init::run(context, path.as_deref()),
        Verb::Completions { shell } => completions::run(context, *shell),
    }
}

/// Fails if one of the services is unknown, so that nothing is begun that cannot be done for all of them.
async fn expect<'a>(client: &Client, services: impl IntoIterator<Item = &'a ServiceName>) -> Result<(), ClientError> {
    for service in services {
        client.service(service).await?;
    }
    Ok(())
}

/// A change of a service that is rolled out waits for the end of that, as long as somebody waits for the change.
async fn say_what_it_waits_for(terminal: &mut Terminal, client: &Client, service: &ServiceName) {
    if let Ok(status) = client.rollout().await
        && status.ended_at.is_none()
        && status.services.iter().any(|one| one.service == *service)
    {
        terminal.say(&format!("{service}  waits for the end of the rollout of release {}\n", status.to));
    }
}

/// What an argument says, or what is on standard input if it is `-`.
fn content(argument: &str) -> Result<Content, UserError> {
    if argument != STDIN {
        return Ok(Content::Text(argument.into()));
    }
    let (mut bytes, hint) = (Vec::new(), "pipe it in, or give it in place of `-`");
    let read = std::io::stdin().read_to_end(&mut bytes);
    read.map_err(|error| UserError::failed(format!("standard input cannot be read: {error}"), hint))?;
    Ok(Content::of(&bytes))
}

impl Context<'_> {
    /// The client of the project's system.
    fn client(&self) -> Result<Client, UserError> {
        Ok(Client::new(self.settings.project()?.socket()))
    }

    /// The width that data may have; `None` where it is not written to a terminal.
    fn columns(&self) -> Option<usize> {
        self.terminal.size().filter(|_| self.terminal.out.is_terminal).map(|size| size.columns)
    }
}

#[cfg(test)]
mod tests;
