//! Arguments and environment become one value before anything starts.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use clap::Parser;
use model::Gather;

use crate::{
    args::{Arguments, ColorChoice, Command, Global, UpArgs},
    exit::ExitCode,
    project::Project,
    report::UserError,
};

/// What the process was started in.
#[derive(Debug, Clone)]
pub struct Environment {
    /// The environment variables.
    pub variables: BTreeMap<OsString, OsString>,
    /// The current folder.
    pub current_dir: PathBuf,
}

/// All that a command needs to know.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The command.
    pub command: Command,
    /// The manifest or its folder, as `--file` gave it.
    pub file: Option<PathBuf>,
    /// Whether data is written as JSON.
    pub json: bool,
    /// When to use colours: `auto` only if the environment allows colours.
    pub color: ColorChoice,
    /// Whether lines may be redrawn in place, where there is a terminal.
    pub redraw: bool,
    /// The time that the command may take.
    pub timeout: Option<Duration>,
    /// The current folder.
    pub current_dir: PathBuf,
}

impl Environment {
    /// Reads the process's own.
    ///
    /// # Errors
    /// When the current folder is gone or may not be read.
    pub fn host() -> io::Result<Self> {
        Ok(Self { variables: std::env::vars_os().gather(), current_dir: std::env::current_dir()? })
    }

    fn is_set(&self, name: &str) -> bool {
        self.variables.get(OsStr::new(name)).is_some_and(|value| !value.is_empty())
    }

    fn has_dumb_terminal(&self) -> bool {
        self.variables.get(OsStr::new("TERM")).is_some_and(|term| term == "dumb")
    }
}

/// The settings of a command line, the program's name first.
///
/// # Errors
/// When it is wrong, or asks for help or the version; see [`refuse`].
pub fn from_env(args: impl IntoIterator<Item = OsString>, env: &Environment) -> Result<Settings, clap::Error> {
    let args: Vec<_> = args.into_iter().collect();
    let Arguments { global, command } = match Command::of_process(&args) {
        Some(command) => Arguments { global: Global::default(), command },
        None => Arguments::try_parse_from(args)?,
    };
    let plain = env.is_set("NO_COLOR") || env.has_dumb_terminal();
    let color = if global.color == ColorChoice::Auto && plain { ColorChoice::Never } else { global.color };
    Ok(Settings {
        command,
        file: global.file,
        json: global.json,
        color,
        redraw: !env.has_dumb_terminal(),
        timeout: global.timeout,
        current_dir: env.current_dir.clone(),
    })
}

/// Prints why there are no settings, or the help that was asked for.
pub fn refuse(error: &clap::Error) -> ExitCode {
    // Nobody is left to tell when the help cannot be printed.
    drop(error.print());
    if error.use_stderr() { ExitCode::Usage } else { ExitCode::Ok }
}

impl Settings {
    /// The project that the command is about.
    ///
    /// # Errors
    /// When there is no manifest.
    pub fn project(&self) -> Result<Project, UserError> {
        Project::find(&self.current_dir, self.file.as_deref())
    }

    /// The project that `up` is about.
    ///
    /// # Errors
    /// When there is no manifest, or two are named.
    pub fn project_of(&self, up: &UpArgs) -> Result<Project, UserError> {
        Project::find(&self.current_dir, self.one_path(up.path.as_deref())?)
    }

    /// Refuses `--json` where what is written has a format of its own.
    ///
    /// # Errors
    /// When it is given.
    pub fn refuse_json(&self, what: &str) -> Result<(), UserError> {
        let refused = || UserError::usage(format!("{what}, not JSON"), "leave out --json");
        if self.json { Err(refused()) } else { Ok(()) }
    }

    /// The path given as an argument or by `--file`.
    pub(crate) fn one_path<'a>(&'a self, argument: Option<&'a Path>) -> Result<Option<&'a Path>, UserError> {
        match (argument, self.file.as_deref()) {
            (Some(_), Some(_)) => Err(UserError::usage("both PATH and --file are given", "give one of them")),
            (argument, file) => Ok(argument.or(file)),
        }
    }
}

#[cfg(test)]
mod tests;
