//! `isles up`: checks what can be checked, then becomes the keeper, or starts one in the background.

use std::{
    ffi::{OsStr, OsString},
    fs::File,
    os::fd::RawFd,
    os::unix::process::CommandExt,
    path::Path,
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
use keeper::{KeeperConfig, LockError, ServiceManager};
use model::spec::System;
use ports::clock::{Clock, HostClock};

use crate::{
    preflight,
    program::{self, text},
    state::State,
    view,
};

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
        preflight::secrets(&system, &state.secrets(environment))?;
    }
    preflight::certificate(&system, &project.folder, &state)?;
    let manager = ServiceManager::of(|name| environment.variables.get(OsStr::new(name))?.to_str().map(str::to_owned));
    preflight::gateway_port(&system, &project, &manager)?;
    if !args.resume {
        std::fs::write(state.manifest(), project.text()?).context("the state folder cannot be written")?;
    }
    if args.detach {
        lock.release();
        let keeper = start_keeper(&project, args.resume, &state)?;
        return view::detached(&project, &system, keeper, begun, settings, clock, terminal);
    }
    let viewer = Some(start_viewer(&project, settings)?.id());
    Ok(keeper::run(KeeperConfig { viewer, manager, ..config(&project, args.resume, lock)? }).into())
}

/// The hidden command `keeper`: a keeper in the background.
pub(crate) fn keep(args: &[OsString]) -> anyhow::Result<ExitCode> {
    let manifest = args.first().context("the manifest is not named")?;
    let project = Project::find(Path::new("/"), Some(Path::new(manifest)))?;
    let lock = keeper::lock(&project.state()).context("the state folder is not free")?;
    let resume = args.get(1).is_some_and(|argument| argument == RESUME);
    Ok(keeper::run(KeeperConfig { detached: true, ..config(&project, resume, lock)? }).into())
}

/// The hidden command `successor`: what follows a keeper in its process, and the check before.
pub(crate) fn succeed(args: &[OsString]) -> anyhow::Result<ExitCode> {
    let [what, left] = args else { anyhow::bail!("what to do and a descriptor are not named") };
    let left: RawFd = left.to_str().and_then(|left| left.parse().ok()).context("the descriptor is no number")?;
    match what.to_str() {
        Some("check") => keeper::check(left).map(|()| ExitCode::SUCCESS).map_err(anyhow::Error::msg),
        Some("resume") => Ok(keeper::resume(left).into()),
        _ => anyhow::bail!("there is no `successor {}`", what.display()),
    }
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

fn config(project: &Project, resume: bool, lock: keeper::Lock) -> anyhow::Result<KeeperConfig> {
    let mut platform = vec!["platform".into(), "--".into(), text(&project.manifest)?];
    platform.extend(resume.then(|| RESUME.into()));
    Ok(KeeperConfig {
        lock,
        program: text(&program::this()?)?,
        platform,
        successor: vec!["successor".into(), "--".into()],
        detached: false,
        viewer: None,
        manager: ServiceManager::default(),
    })
}

/// A keeper of its own session, whose output goes to a file.
fn start_keeper(project: &Project, resume: bool, state: &State) -> anyhow::Result<Child> {
    // Of this run alone: it does not grow from run to run.
    let log = File::create(state.own_log())?;
    let mut command = Command::new(program::this()?);
    command.arg("keeper").arg("--").arg(&project.manifest).args(resume.then_some(RESUME)).current_dir("/");
    command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).process_group(0);
    command.spawn().context("the keeper cannot be started")
}

/// The view of a system in the foreground: a process of its own, which the terminal's signals do not reach.
fn start_viewer(project: &Project, settings: &Settings) -> anyhow::Result<Child> {
    let mut command = Command::new(program::this()?);
    if settings.json {
        command.arg("--json");
    }
    command.arg("--color").arg(settings.color.as_str());
    command.arg("view").arg("--").arg(&project.manifest).current_dir(&settings.current_dir).process_group(0);
    command.stdin(Stdio::null()).spawn().context("the view cannot be started")
}
