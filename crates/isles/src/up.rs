//! `isles up`: checks what can be checked, then becomes the keeper, or starts one in the background.

use std::{
    ffi::OsString,
    fs::File,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitCode, Stdio},
};

use anyhow::Context as _;
use cli::{
    args::UpArgs,
    project::Project,
    report::UserError,
    settings::{Environment, Settings},
    terminal::Terminal,
};
use keeper::{KeeperConfig, LockError};
use model::spec::System;
use ports::clock::{Clock, HostClock};

use crate::{preflight, state::State, view};

/// Tells the keeper and the platform to go on with the release that ran last.
pub(crate) const RESUME: &str = "resume";

/// Runs `isles up` to its end.
pub(crate) fn run(
    args: &UpArgs,
    settings: &Settings,
    environment: &Environment,
    clock: &HostClock,
    terminal: &mut Terminal,
) -> anyhow::Result<ExitCode> {
    let begun = clock.now();
    let project = settings.project_of(args)?;
    let state = State(project.state());
    let system = if args.resume { state.in_force(&project)? } else { project.system(terminal.err.paint.on)? };
    state.prepare()?;
    let lock = lock(&state.0, &system)?;
    for line in keeper::clean_up(&state.0) {
        terminal.say(&format!("note: {line}\n"));
    }
    if !args.resume {
        preflight::environment(&system, &project.folder, &state.secrets(environment))?;
    }
    preflight::certificate(&system, &project.folder, &state)?;
    preflight::gateway_port(&system, &project)?;
    if !args.resume {
        std::fs::write(state.manifest(), project.text()?).context("the state folder cannot be written")?;
    }
    if args.detach {
        drop(lock);
        let keeper = start_keeper(&project, args.resume, &state)?;
        return view::detached(&project, &system, keeper, begun, settings, clock, terminal);
    }
    let viewer = start_viewer(&project, settings)?;
    let config = KeeperConfig {
        lock,
        platform: platform_command(&project, args.resume)?,
        detached: false,
        viewer: Some(viewer.id()),
    };
    Ok(keeper::run(config).into())
}

/// The hidden command `keeper`: a keeper in the background.
pub(crate) fn keep(args: &[OsString]) -> anyhow::Result<ExitCode> {
    let manifest = args.first().context("the manifest is not named")?;
    let project = Project::find(Path::new("/"), Some(Path::new(manifest)))?;
    let lock = keeper::lock(&project.state()).context("the state folder is not free")?;
    let resume = args.get(1).is_some_and(|argument| argument == RESUME);
    let config = KeeperConfig { lock, platform: platform_command(&project, resume)?, detached: true, viewer: None };
    Ok(keeper::run(config).into())
}

fn lock(state: &Path, system: &System) -> Result<keeper::Lock, UserError> {
    keeper::lock(state).map_err(|error| match error {
        LockError::Locked { pid } => {
            let pid = pid.map_or("unknown".into(), |pid| pid.to_string());
            let cause = format!("the system `{}` is already up: its keeper is process {pid}", system.name);
            UserError::failed(cause, "see it with `isles status`, stop it with `isles down`")
        }
        LockError::Io(error) => UserError::failed(
            format!("the state folder {} cannot be locked: {error}", state.display()),
            "check its permissions and its file system",
        ),
    })
}

fn platform_command(project: &Project, resume: bool) -> anyhow::Result<Vec<String>> {
    let mut command = vec![text(&this_program()?)?, "platform".into(), "--".into(), text(&project.manifest)?];
    command.extend(resume.then(|| RESUME.into()));
    Ok(command)
}

/// A keeper of its own session, whose output goes to a file.
fn start_keeper(project: &Project, resume: bool, state: &State) -> anyhow::Result<Child> {
    // Of this run alone: it does not grow from run to run.
    let log = File::create(state.own_log())?;
    let mut command = Command::new(this_program()?);
    command.arg("keeper").arg("--").arg(&project.manifest).args(resume.then_some(RESUME)).current_dir("/");
    command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).process_group(0);
    command.spawn().context("the keeper cannot be started")
}

/// The view of a system in the foreground: a process of its own, which the terminal's signals do not reach.
fn start_viewer(project: &Project, settings: &Settings) -> anyhow::Result<Child> {
    let mut command = Command::new(this_program()?);
    if settings.json {
        command.arg("--json");
    }
    command.arg("--color").arg(settings.color.as_str());
    command.arg("view").arg("--").arg(&project.manifest).current_dir(&settings.current_dir).process_group(0);
    command.stdin(Stdio::null()).spawn().context("the view cannot be started")
}

fn this_program() -> anyhow::Result<PathBuf> {
    std::env::current_exe().context("the path of this program cannot be read")
}

fn text(path: &Path) -> anyhow::Result<String> {
    path.to_str().map(str::to_owned).with_context(|| format!("the path {} is not UTF-8", path.display()))
}
