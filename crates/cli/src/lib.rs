//! The command line: arguments become [`settings::Settings`] with one [`args::Command`]; what only reads the manifest or
//! talks to the control API runs here, and so does the view of `isles up`.

pub mod args;
mod commands;
pub mod exit;
#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "only tests use it")]
mod fixture;
pub mod nats_server;
pub mod paint;
pub mod project;
pub mod report;
pub mod settings;
mod table;
pub mod terminal;
mod text;
pub mod view;

use std::time::Duration;

use model::Timestamp;

use args::{Command, Verb};
use exit::ExitCode;
use report::UserError;
use settings::Settings;
use terminal::Terminal;

/// Gives the time. The platform's clock counts from the same moment.
pub type Now<'a> = &'a (dyn Fn() -> Timestamp + Sync);

/// What a verb works with.
pub(crate) struct Context<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) terminal: &'a mut Terminal,
    pub(crate) now: Now<'a>,
}

/// Runs a verb. Its error, if any, has been printed when this returns. Needs a tokio runtime with I/O and time.
pub async fn run(verb: &Verb, settings: &Settings, now: Now<'_>, terminal: &mut Terminal) -> ExitCode {
    let context = Context { settings, terminal: &mut *terminal, now };
    // On the stack there would be room for the largest verb, whatever runs.
    let result = in_time(settings, Box::pin(commands::run(verb, context))).await;
    result.unwrap_or_else(|error| report::report(&error, settings, terminal))
}

/// Ends `work` with an error when it takes longer than `--timeout`.
///
/// # Errors
/// The error of `work`, or that of the time.
pub async fn in_time<T>(settings: &Settings, work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    // Awaited in one place: what it is made of would be compiled for each.
    let limit = settings.timeout.unwrap_or(Duration::MAX);
    let late = |_| Err(UserError::timed_out(limit, &after(settings)).into());
    tokio::time::timeout(limit, work).await.unwrap_or_else(late)
}

/// What to do when the time is over.
fn after(settings: &Settings) -> String {
    match settings.command {
        Command::Verb(Verb::Deploy(_) | Verb::Rollback(_)) => view::rollout::is_given_up(settings),
        Command::Verb(Verb::Rollout(_)) => view::rollout::goes_on(settings),
        _ => "see `isles status`, or give a longer --timeout".into(),
    }
}
