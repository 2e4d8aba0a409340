//! The state folder `.isles/`: what it holds, and its version.

use std::{
    ffi::OsString,
    fs::{self, DirBuilder},
    io::{self, ErrorKind},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use cli::{project::Project, report::UserError, settings::Environment};
use control::Secrets;
use model::{Gather, spec::System};

/// The version of the state folder that this Isles writes.
const VERSION: u32 = 1;

/// The paths in a state folder.
#[derive(Debug, Clone)]
pub(crate) struct State(pub(crate) PathBuf);

impl State {
    /// What Isles itself remembers: the journal lies there.
    pub(crate) fn buckets(&self) -> PathBuf {
        self.0.join("state")
    }

    pub(crate) fn logs(&self) -> PathBuf {
        self.0.join("logs")
    }

    /// The manifest that is in force: what `isles up` was given.
    pub(crate) fn manifest(&self) -> PathBuf {
        self.0.join("manifest.toml")
    }

    /// The system that ran last, as far as it can be told before it runs.
    ///
    /// # Errors
    /// When none has.
    pub(crate) fn in_force(&self, project: &Project) -> Result<System, UserError> {
        let Ok(text) = fs::read_to_string(self.manifest()) else {
            return Err(UserError::failed("no release has run yet", "run `isles up`"));
        };
        let nameless = || System::new("isles".parse().expect("this is a name"));
        Ok(project.parse(&text).system.unwrap_or_else(nameless))
    }

    /// Where secrets come from: the environment of this process and a file.
    pub(crate) fn secrets(&self, environment: &Environment) -> Secrets {
        let text = |(name, value): (&OsString, &OsString)| Some((name.to_str()?.into(), value.to_str()?.into()));
        Secrets { variables: environment.variables.iter().filter_map(text).gather(), file: self.0.join("secrets") }
    }

    /// The development certificate and its key.
    pub(crate) fn certificates(&self) -> PathBuf {
        self.0.join("tls")
    }

    /// The programs of Isles that run the system, or did before the last upgrade.
    pub(crate) fn programs(&self) -> PathBuf {
        self.0.join("bin")
    }

    /// What Isles itself has to say when it runs in the background.
    pub(crate) fn own_log(&self) -> PathBuf {
        self.logs().join("isles.log")
    }

    /// Makes the folder, if need be, and makes sure that it can be used.
    pub(crate) fn prepare(&self) -> Result<(), UserError> {
        self.make().map_err(|error| unusable(&self.0, &error))?;
        if !self.check_version()? {
            fs::write(self.version(), format!("{VERSION}\n")).map_err(|error| unusable(&self.0, &error))?;
        }
        Ok(())
    }

    /// Makes sure that this Isles knows the folder's version; `false` if it has none yet.
    pub(crate) fn check_version(&self) -> Result<bool, UserError> {
        match fs::read_to_string(self.version()) {
            Ok(text) => check_version(&self.0, text.trim()).map(|()| true),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(unusable(&self.0, &error)),
        }
    }

    fn version(&self) -> PathBuf {
        self.0.join("version")
    }

    fn make(&self) -> io::Result<()> {
        for folder in [&self.0, &self.buckets(), &self.logs()] {
            DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        }
        let ignore = self.0.join(".gitignore");
        if !ignore.exists() {
            fs::write(&ignore, "*\n")?;
        }
        // A folder that can be listed may still refuse to be written.
        let probe = self.0.join("probe");
        fs::write(&probe, [0; 4096])?;
        fs::remove_file(probe)
    }
}

fn check_version(folder: &Path, found: &str) -> Result<(), UserError> {
    match found.parse::<u32>() {
        Ok(version) if version <= VERSION => Ok(()),
        Ok(version) => Err(UserError::failed(
            format!("the state folder {} has version {version}, this Isles knows up to {VERSION}", folder.display()),
            "use the newer Isles that wrote it, or move the folder away to start afresh",
        )),
        Err(_) => Err(UserError::failed(
            format!("the state folder {} has no readable version: `{found}`", folder.display()),
            "restore the folder, or move it away to start afresh",
        )),
    }
}

fn unusable(folder: &Path, error: &io::Error) -> UserError {
    let hint = match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "free some space on its disk",
        ErrorKind::ReadOnlyFilesystem => "it lies on a file system that is read-only: use a copy elsewhere",
        ErrorKind::PermissionDenied => "become its owner, or give yourself the right to write it",
        _ => "check the folder and its disk",
    };
    UserError::failed(format!("the state folder {} cannot be written: {error}", folder.display()), hint)
}
