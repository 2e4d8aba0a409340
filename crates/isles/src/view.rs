//! Watches a system that comes up, and shows it.

use std::{
    ffi::OsString,
    path::Path,
    process::{Child, ExitCode},
    time::Duration,
};

use anyhow::Context as _;
use cli::{
    project::Project,
    report::UserError,
    settings::Settings,
    terminal::Terminal,
    view::{Attach, Outcome, attach},
};
use client::Client;
use model::{Timestamp, spec::System};
use ports::clock::{Clock, HostClock};

use crate::state::State;

/// The time that the control API has to answer.
const API_PATIENCE: Duration = Duration::from_secs(20);
/// The pause between looks whether it answers.
const API_PAUSE: Duration = Duration::from_millis(5);

/// The hidden command `view`: shows a system in the foreground until it ends.
pub(crate) fn run(
    args: &[OsString],
    settings: &Settings,
    clock: &HostClock,
    terminal: &mut Terminal,
) -> anyhow::Result<ExitCode> {
    let begun = clock.now();
    let manifest = args.first().context("the manifest is not named")?;
    let project = Project::find(&settings.current_dir, Some(Path::new(manifest)))?;
    let system = State(project.state()).in_force(&project)?;
    block_on(async {
        let client = Client::new(project.socket());
        wait_for_api(&client, || None).await?;
        let outcome = show(&client, &project, &system, begun, false, settings, clock, terminal).await?;
        Ok(outcome.exit_code().into())
    })
}

/// Shows a system that was started in the background until it is up or cannot come up.
pub(crate) fn detached(
    project: &Project,
    system: &System,
    mut keeper: Child,
    begun: Timestamp,
    settings: &Settings,
    clock: &HostClock,
    terminal: &mut Terminal,
) -> anyhow::Result<ExitCode> {
    let log = State(project.state()).own_log();
    block_on(async {
        let client = Client::new(project.socket());
        let ended = || keeper.try_wait().ok().flatten().map(|_| log.clone());
        cli::in_time(settings, wait_for_api(&client, ended)).await?;
        let shown = show(&client, project, system, begun, true, settings, clock, terminal);
        let outcome = cli::in_time(settings, shown).await?;
        if !matches!(outcome, Outcome::Up | Outcome::Degraded) {
            let _ = keeper.wait();
        }
        Ok(outcome.exit_code().into())
    })
}

/// Runs a future on a runtime of this thread. It is on the heap: on the stack there would be room for it whatever runs instead.
pub(crate) fn block_on<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(Box::pin(work))
}

#[allow(clippy::too_many_arguments, reason = "they are the fields of `Attach`")]
async fn show(
    client: &Client,
    project: &Project,
    system: &System,
    begun: Timestamp,
    detach: bool,
    settings: &Settings,
    clock: &HostClock,
    terminal: &mut Terminal,
) -> anyhow::Result<Outcome> {
    let now = || clock.now();
    attach(&Attach { client, now: &now, begun, system, project, detach, json: settings.json }, terminal).await
}

/// Waits until the control API answers, or `ended` says that it never will, with the log that says why.
async fn wait_for_api(client: &Client, mut ended: impl FnMut() -> Option<std::path::PathBuf>) -> anyhow::Result<()> {
    let answers = async {
        while client.system().await.is_err() {
            if let Some(log) = ended() {
                return Err(last_words(&log).into());
            }
            tokio::time::sleep(API_PAUSE).await;
        }
        Ok(())
    };
    tokio::time::timeout(API_PATIENCE, answers).await.context("the control API does not answer")?
}

/// The last error that Isles wrote into its own log.
fn last_words(log: &Path) -> UserError {
    let said = std::fs::read_to_string(log).unwrap_or_default();
    let mut lines = said.lines().rev();
    let mut hint = format!("its own log is {}", log.display());
    let cause = lines.find_map(|line| {
        if let Some(text) = line.strip_prefix("hint: ") {
            hint = text.into();
        }
        line.strip_prefix("error: ")
    });
    UserError::failed(cause.unwrap_or("Isles ended before it was up"), hint)
}
