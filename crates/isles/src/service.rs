//! `isles service`: the unit with which systemd runs a system.

use std::{
    ffi::OsStr,
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context as _;
use cli::{
    args::ServiceVerb, project::Project, report::UserError, settings::Environment, settings::Settings,
    terminal::Terminal,
};
use rustix::process::geteuid;

use crate::{
    program::{self, text},
    state::State,
};

const SYSTEM_UNITS: &str = "/etc/systemd/system";

/// Runs `isles service` to its end.
pub(crate) fn run(
    verb: &ServiceVerb,
    settings: &Settings,
    environment: &Environment,
    terminal: &mut Terminal,
) -> anyhow::Result<ExitCode> {
    settings.refuse_json("a unit is a file of systemd")?;
    let project = settings.project()?;
    let name = format!("isles-{}.service", project.system(terminal.err.paint.on)?.name);
    match verb {
        ServiceVerb::Install { user, print } => {
            let unit = unit(&project, *user, environment)?;
            if *print {
                terminal.print(&unit)?;
            } else {
                install(&project, &name, *user, &unit, environment, terminal)?;
            }
        }
        ServiceVerb::Uninstall { user } => uninstall(&name, *user, environment, terminal)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn install(
    project: &Project,
    name: &str,
    user: bool,
    unit: &str,
    environment: &Environment,
    terminal: &mut Terminal,
) -> anyhow::Result<()> {
    let state = State(project.state());
    state.prepare()?;
    let installed = program::install(&program::this()?, &state).context("this program cannot be copied")?;
    program::put_in_force(&installed, &state).context("this program cannot be put in force")?;
    let path = folder(user, environment)?.join(name);
    let written = fs::create_dir_all(path.parent().unwrap_or(&path)).and_then(|()| fs::write(&path, unit));
    written.map_err(|error| unwritable(&path, &error))?;
    let systemctl = systemctl(user);
    terminal.print(&format!("wrote {}\n", path.display()))?;
    if !state.manifest().exists() {
        terminal.say(
            "no release has run yet, and the unit goes on with the last: run `isles up -d && isles down` once first\n",
        );
    }
    terminal.say(&format!("start it with `{systemctl} daemon-reload && {systemctl} enable --now {name}`\n"));
    Ok(())
}

fn uninstall(name: &str, user: bool, environment: &Environment, terminal: &mut Terminal) -> anyhow::Result<()> {
    let path = folder(user, environment)?.join(name);
    let wants = path.with_file_name(format!("{}.wants", target(user))).join(name);
    if wants.is_symlink() {
        let hint = format!("run `{} disable --now {name}` first", systemctl(user));
        return Err(UserError::failed(format!("{name} is enabled"), hint).into());
    }
    fs::remove_file(&path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            UserError::failed(format!("there is no unit {}", path.display()), "is it one of `--user`?")
        }
        _ => unwritable(&path, &error),
    })?;
    terminal.print(&format!("removed {}\n", path.display()))?;
    terminal.say(&format!("tell systemd with `{} daemon-reload`\n", systemctl(user)));
    Ok(())
}

fn unwritable(path: &Path, error: &std::io::Error) -> UserError {
    let hint = "become root, or give --user for a service of your own; --print writes it to standard output";
    UserError::failed(format!("{} cannot be written: {error}", path.display()), hint)
}

fn systemctl(user: bool) -> &'static str {
    if user { "systemctl --user" } else { "systemctl" }
}

fn target(user: bool) -> &'static str {
    if user { "default.target" } else { "multi-user.target" }
}

/// Where the units lie (systemd.unit(5)).
fn folder(user: bool, environment: &Environment) -> anyhow::Result<PathBuf> {
    if !user {
        return Ok(SYSTEM_UNITS.into());
    }
    let variable = |name: &str| environment.variables.get(OsStr::new(name)).map(PathBuf::from);
    let config = variable("XDG_CONFIG_HOME").or_else(|| Some(variable("HOME")?.join(".config")));
    Ok(config.context("neither XDG_CONFIG_HOME nor HOME is set")?.join("systemd/user"))
}

/// The unit: the keeper is its main process, ends the rest itself, has a group of its own to divide, and leaves its
/// listeners with systemd in case that it is killed.
fn unit(project: &Project, user: bool, environment: &Environment) -> anyhow::Result<String> {
    let program = State(project.state()).programs().join("isles");
    let (program, manifest) = (quote(&text(&program)?), quote(&text(&project.manifest)?));
    let path = environment.variables.get(OsStr::new("PATH")).and_then(|path| path.to_str()).unwrap_or_default();
    let name = project.system(false)?.name;
    let owner = fs::metadata(&project.folder)?.uid();
    let runs_as = if user || owner == geteuid().as_raw() { String::new() } else { format!("User={owner}\n") };
    let after = if user { "" } else { "Wants=network-online.target\nAfter=network-online.target time-sync.target\n" };
    Ok(format!(
        "[Unit]\nDescription=The system {name} on Isles\n{after}StartLimitIntervalSec=0\n\n\
         [Service]\nType=notify\nExecStart={program} up --resume --file {manifest}\nWorkingDirectory={}\nEnvironment={}\n{runs_as}\
         KillMode=mixed\nDelegate=yes\nFileDescriptorStoreMax=16\nRestart=on-failure\nRestartSec=1\nTimeoutStopSec=150\n\n\
         [Install]\nWantedBy={}\n",
        text(&project.folder)?.replace('%', "%%"),
        quote(&format!("PATH={path}")),
        target(user),
    ))
}

/// A word of a unit's line (systemd.syntax(7), systemd.unit(5) on specifiers).
fn quote(word: &str) -> String {
    let escaped = word.replace('\\', r"\\").replace('"', "\\\"").replace('%', "%%").replace('$', "$$");
    format!("\"{escaped}\"")
}
