//! `isles upgrade`: has the keeper replace the platform process, and then itself, by another Isles.

pub(crate) mod probe;

use std::{
    fs::{File, TryLockError},
    path::{Path, PathBuf},
    process::ExitCode,
    thread,
    time::Duration,
};

use cli::{args::UpgradeArgs, exit, project::Project, report::UserError, settings::Settings, terminal::Terminal};
use keeper::{Progress, Upgrade};
use model::format_duration;
use ports::clock::{Clock, HostClock};
use serde::Serialize;

use crate::{program, state::State};

/// The pause between looks at how far the keeper has come.
const PAUSE: Duration = Duration::from_millis(10);
/// The time that a keeper has to begin.
const BEGIN_PATIENCE: Duration = Duration::from_secs(5);
/// So many of the last lines of the program that failed are shown.
const LINES_MAX: usize = 40;

#[derive(Serialize)]
struct Upgraded<'a> {
    system: &'a str,
    version: &'a str,
}

/// Runs `isles upgrade` to its end.
pub(crate) fn run(args: &UpgradeArgs, settings: &Settings, terminal: &mut Terminal) -> anyhow::Result<ExitCode> {
    let project = settings.project()?;
    let state = State(project.state());
    let keeper = keeper::running(&state.0).ok_or_else(|| UserError::not_running(Some(&project)))?;
    let _lock = lock(&state)?;
    let given = args.binary.as_ref().map(|path| settings.current_dir.join(path));
    let new = given.map_or_else(program::this, Ok)?;
    let found = probe::ask(&new, &project.folder)?;
    let asked = install(&new, keeper, &state)?;
    asked.ask(&state.0, keeper).map_err(|error| {
        UserError::failed(
            format!("the upgrade cannot be asked for: {error}"),
            "try again, or run `isles down` and `isles up`",
        )
    })?;
    let ended = follow(&project, settings.timeout, terminal)?;
    program::keep_only(&[&ended.program, &ended.previous], &state);
    match ended.progress {
        Progress::Refused(cause) => Err(refused(&new, &cause).into()),
        Progress::PutBack(cause) => Err(put_back(&new, &cause, &ended.said).into()),
        _ => {
            say(&found, settings, terminal)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn say(found: &probe::Found, settings: &Settings, terminal: &mut Terminal) -> anyhow::Result<()> {
    let (system, version) = (found.system.as_str(), found.version.as_str());
    if settings.json {
        terminal.print_json(&Upgraded { system, version })?;
    } else {
        terminal.print(&format!("{system} runs Isles {version}\n"))?;
    }
    Ok(())
}

/// One upgrade at a time.
fn lock(state: &State) -> anyhow::Result<File> {
    let path = state.0.join("upgrade.lock");
    let file = File::options().write(true).create(true).truncate(false).open(path)?;
    match file.try_lock() {
        Ok(()) if Upgrade::read(&state.0).is_none_or(|last| last.has_ended()) => Ok(file),
        Ok(()) | Err(TryLockError::WouldBlock) => {
            Err(UserError::failed("an upgrade is under way", "wait until it has ended").into())
        }
        Err(TryLockError::Error(error)) => Err(error.into()),
    }
}

/// Keeps the new program and the one that runs, whose file may have been replaced.
fn install(new: &Path, keeper: u32, state: &State) -> Result<Upgrade, UserError> {
    let install = |program: &Path| {
        program::install(program, state).map_err(|error| {
            let cause = format!("{} cannot be copied to {}: {error}", program.display(), state.programs().display());
            UserError::failed(cause, "check the permissions and the free space of the state folder")
        })
    };
    let running = PathBuf::from(format!("/proc/{keeper}/exe"));
    let (program, previous) = (install(new)?, install(&running)?);
    Ok(Upgrade { program, previous, progress: Progress::Asked, said: String::new() })
}

/// Says how far it has come, until its end.
fn follow(project: &Project, limit: Option<Duration>, terminal: &mut Terminal) -> Result<Upgrade, UserError> {
    let clock = HostClock::start();
    let (begun, mut last) = (clock.now(), Progress::Asked);
    let state = project.state();
    loop {
        // Asked before the file is read: what it wrote last is seen.
        let runs = keeper::running(&state).is_some();
        let found = Upgrade::read(&state).filter(Upgrade::has_ended);
        if let Some(ended) = found {
            return Ok(ended);
        }
        if !runs {
            let hint = format!("start the system with `{}`: nothing durable is lost", project.command("up"));
            return Err(UserError::failed("the keeper has ended, and the system with it", hint));
        }
        let taken = clock.now().since(begun);
        if let Some(limit) = limit.filter(|limit| *limit <= taken) {
            let cause = format!("not done after {}", format_duration(limit));
            return Err(UserError::new(exit::ExitCode::TimedOut, cause, "the keeper goes on: see `isles status`"));
        }
        let progress = Upgrade::read(&state).map_or(Progress::Asked, |upgrade| upgrade.progress);
        if progress == Progress::Asked && taken > BEGIN_PATIENCE {
            return Err(UserError::failed("the keeper does not answer", "run `isles down` and then `isles up`"));
        }
        if progress != last {
            terminal.say(describe(&progress));
            last = progress;
        }
        thread::sleep(PAUSE);
    }
}

fn describe(progress: &Progress) -> &'static str {
    match progress {
        Progress::Checking => "upgrade  the new Isles looks whether it can take over\n",
        Progress::Leaving => "upgrade  the earlier Isles leaves\n",
        Progress::Trial => "upgrade  the new Isles takes over the instances\n",
        Progress::PuttingBack(_) => "upgrade  failed; the earlier Isles is put back\n",
        Progress::Asked | Progress::TakingOver | Progress::Done | Progress::Refused(_) | Progress::PutBack(_) => "",
    }
}

fn refused(new: &Path, cause: &str) -> UserError {
    let hint = "nothing was changed; `isles down` and then `isles up` with the new Isles always works";
    UserError::failed(format!("{} cannot take over: {cause}", new.display()), hint)
}

fn put_back(new: &Path, cause: &str, said: &str) -> UserError {
    let lines: Vec<_> = said.lines().collect();
    let last = lines[lines.len().saturating_sub(LINES_MAX)..].iter().map(|line| format!("{line}\n")).collect();
    let cause = format!("{} failed, and the earlier Isles was put back: {cause}", new.display());
    let hint = "the instances were not touched; the lines above are the last ones that it wrote";
    UserError { details: last, ..UserError::new(exit::ExitCode::RolledBack, cause, hint) }
}
