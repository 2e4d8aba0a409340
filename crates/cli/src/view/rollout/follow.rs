//! Shows a rollout until it has ended.

use std::time::Duration;

use client::{Client, ClientError};
use model::{
    Timestamp,
    api::{Release, RolloutStatus},
};
use tokio::time::interval;

use super::{end, lines, picture::picture};
use crate::{
    Context, Now,
    exit::ExitCode,
    report::UserError,
    settings::Settings,
    terminal::{Size, Terminal},
    text,
    view::{block::Block, watch::Watch},
};

/// The time between two pictures: it counts seconds.
const TICK: Duration = Duration::from_millis(500);

/// What follows when a command does not wait for the end of a rollout.
pub(crate) fn goes_on(settings: &Settings) -> String {
    format!("it goes on: {}", commands(settings))
}

/// What follows when a command does not wait for the begin of its rollout.
pub(crate) fn is_given_up(settings: &Settings) -> String {
    format!("it is given up unless its rollout has begun: {}", commands(settings))
}

fn commands(settings: &Settings) -> String {
    let command = |verb| settings.project().map_or(format!("isles {verb}"), |project| project.command(verb));
    format!("`{}` shows it, `{}` takes it back", command("rollout --watch"), command("abort"))
}

/// Shows this rollout until it has ended or Ctrl-C is pressed. Progress goes to standard error: on a
/// terminal a picture that is redrawn in place, else a line a change. Lives through restarts of the platform.
pub(crate) async fn follow(context: Context<'_>, client: &Client, begun: RolloutStatus) -> anyhow::Result<ExitCode> {
    let (settings, number) = (context.settings, begun.number);
    let mut shown = Shown::new(context, &begun);
    if let Some(end) = shown.status(begun)? {
        return Ok(end);
    }
    let mut watch = Watch::<RolloutStatus>::new(client, number);
    let mut interrupted = Box::pin(tokio::signal::ctrl_c());
    let mut tick = interval(TICK);
    loop {
        tokio::select! {
            status = watch.next() => {
                if status.as_ref().is_err_and(is_kept_no_more) {
                    return shown.ended_unseen(&client.releases().await?);
                }
                let status = status?.ok_or_else(|| UserError::failed("the system has ended", "start it with `isles up`"))?;
                if let Some(end) = shown.status(status)? {
                    return Ok(end);
                }
            }
            end = &mut interrupted => {
                end?;
                shown.terminal.say(&(goes_on(settings) + "\n"));
                return Ok(ExitCode::Interrupted);
            }
            _ = tick.tick(), if shown.is_live => shown.draw(),
        }
    }
}

fn is_kept_no_more(error: &ClientError) -> bool {
    matches!(error, ClientError::Api(problem) if problem.reason == "no-rollout")
}

/// What has been shown of it.
pub(super) struct Shown<'a> {
    terminal: &'a mut Terminal,
    now: Now<'a>,
    json: bool,
    is_live: bool,
    /// The release that served, and the one that shall.
    from: u64,
    to: u64,
    status: Option<RolloutStatus>,
    block: Block,
}

impl<'a> Shown<'a> {
    pub(super) fn new(context: Context<'a>, begun: &RolloutStatus) -> Self {
        let &RolloutStatus { from, to, .. } = begun;
        let json = context.settings.json;
        let is_live = context.terminal.size().is_some() && !json;
        let Context { terminal, now, .. } = context;
        Self { terminal, now, json, is_live, from, to, status: None, block: Block::default() }
    }

    /// Shows a status; says how the command ends if it is the last one.
    pub(super) fn status(&mut self, status: RolloutStatus) -> anyhow::Result<Option<ExitCode>> {
        let before = self.status.replace(status);
        self.draw();
        let Some(status) = &self.status else { return Ok(None) };
        if !self.is_live && !self.json {
            self.terminal.say(&lines::changes(before.as_ref(), status));
        }
        let ended = end::end(status, self.terminal.err.paint);
        let Some(ended) = ended else { return Ok(None) };
        if self.json {
            self.terminal.print_json(status)?;
        }
        let said = ended?;
        if !self.json {
            self.terminal.print(&said)?;
        }
        Ok(Some(ExitCode::Ok))
    }

    /// Another rollout has begun before the end of this one was seen: what became of its release tells.
    pub(super) fn ended_unseen(&mut self, releases: &[Release]) -> anyhow::Result<ExitCode> {
        if let Some(status) = self.status.as_ref().filter(|_| self.json) {
            self.terminal.print_json(status)?;
        }
        let said = end::unseen(self.from, self.to, releases)?;
        if !self.json {
            self.terminal.print(&said)?;
        }
        Ok(ExitCode::Ok)
    }

    fn draw(&mut self) {
        let (Some(status), Some(size), true) = (&self.status, self.terminal.size(), self.is_live) else { return };
        let lines = fitting(status, (self.now)(), size, self.terminal);
        self.terminal.say(&self.block.redraw(&lines));
    }
}

/// As many lines as the terminal has.
fn fitting(status: &RolloutStatus, now: Timestamp, size: Size, terminal: &Terminal) -> Vec<String> {
    let text = picture(status, now, Some(size.columns), terminal.err.paint);
    let lines: Vec<_> = text.lines().map(str::to_owned).collect();
    let room = size.rows.saturating_sub(2).max(1);
    let left_out = lines.len().saturating_sub(room);
    let mut fitting: Vec<_> = lines.into_iter().take(room).collect();
    if left_out > 0 {
        fitting.push(format!("and {} more", text::count(left_out, "line")));
    }
    fitting
}
