use client::Client;
use model::{
    Timestamp,
    api::LogQuery,
    spec::System,
    status::{SystemPhase, SystemStatus},
};

use crate::{
    Now,
    exit::ExitCode,
    project::Project,
    terminal::Terminal,
    view::{
        feed::{Event, Feed},
        phase,
        screen::Screen,
        tail::Tail,
    },
};

/// What [`attach`] shows, and how long.
pub struct Attach<'a> {
    /// The system's control API, which already listens.
    pub client: &'a Client,
    /// The clock.
    pub now: Now<'a>,
    /// When `isles up` began.
    pub begun: Timestamp,
    /// What runs.
    pub system: &'a System,
    /// Where its manifest is.
    pub project: &'a Project,
    /// Whether to return as soon as every service is healthy or one cannot come up.
    pub detach: bool,
    /// Whether data is written as JSON: detached, the last `SystemStatus`; else a line for each status and log line.
    pub json: bool,
}

/// Why a view ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Every service has been healthy; the system runs on. Only when detached.
    Up,
    /// The system runs on without a service that fails, which has been shown. Only when detached.
    Degraded,
    /// A service or the system cannot come up, which has been shown; the system ends. Only when detached.
    Stuck,
    /// The system has ended.
    Ended {
        /// Whether it could not come up, which has been shown.
        failed: bool,
    },
}

impl Outcome {
    /// How `isles up` ends.
    pub fn exit_code(self) -> ExitCode {
        match self {
            Self::Up | Self::Ended { failed: false } => ExitCode::Ok,
            Self::Degraded | Self::Stuck | Self::Ended { failed: true } => ExitCode::Failed,
        }
    }
}

/// Shows a system coming up and then its logs, until it ends; see [`Attach::detach`].
///
/// Progress goes to standard error: on a terminal a line a service, redrawn in place, else a line a change. Signals are
/// the caller's: when it stops the system, this shows it stopping and returns. Lives through restarts of the platform.
///
/// # Errors
/// When the API refuses, or standard output cannot be written.
pub async fn attach(attach: &Attach<'_>, terminal: &mut Terminal) -> anyhow::Result<Outcome> {
    let live = terminal.size().is_some() && !attach.json;
    let mut feed = Feed::new(attach.client, live);
    let mut screen = Screen::new(attach, terminal, live);
    let mut first = true;
    let mut failed = false;
    loop {
        match feed.next().await? {
            Event::Status(status) => {
                if std::mem::take(&mut first) {
                    feed.follow(logs(attach, &status));
                }
                failed |= status.problem.is_some();
                let end = end(attach, &status);
                screen.status(status, end.is_some())?;
                if let Some(outcome) = end {
                    return Ok(outcome);
                }
                if !screen.is_live() {
                    feed.stop_ticking();
                }
            }
            Event::Log(line) => screen.log(&line)?,
            Event::Tick => screen.tick(),
            Event::Ended => {
                screen.ended();
                return Ok(Outcome::Ended { failed: failed || attach.detach });
            }
        }
    }
}

fn logs(attach: &Attach<'_>, status: &SystemStatus) -> Tail {
    let since = Some(status.started_at.min(attach.begun).0);
    Tail::new(attach.client, LogQuery { since, follow: true, ..LogQuery::default() })
}

fn end(attach: &Attach<'_>, status: &SystemStatus) -> Option<Outcome> {
    let stuck = status.problem.is_some() || status.services.iter().any(|service| phase::is_stuck(service.phase));
    match status.phase {
        _ if !attach.detach => None,
        SystemPhase::Running if status.services.iter().any(phase::is_failing) => Some(Outcome::Degraded),
        SystemPhase::Running => Some(Outcome::Up),
        _ if stuck => Some(Outcome::Stuck),
        SystemPhase::Starting | SystemPhase::Stopping => None,
    }
}
