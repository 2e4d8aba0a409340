//! A folder with a manifest, and the release binary that runs it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::Duration,
};

use anyhow::{Context as _, ensure};
use ports::clock::{Clock, HostClock};
use tempfile::TempDir;

use crate::shell::{self, run};

/// A folder with a manifest. What runs from it is stopped when it is dropped.
pub(super) struct Stand {
    folder: TempDir,
    program: PathBuf,
}

/// Builds the release binary of Isles; returns its path.
///
/// # Errors
/// When it cannot be built.
pub(super) fn build() -> anyhow::Result<PathBuf> {
    run("", "cargo", &["build", "--quiet", "--release", "--package", "isles"])?;
    Ok(shell::target()?.join("release/isles"))
}

impl Stand {
    /// With this manifest.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub(super) fn new(program: &Path, manifest: &str) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("isles-bench-").tempdir()?;
        let stand = Self { folder, program: program.into() };
        stand.manifest(manifest)?;
        Ok(stand)
    }

    /// Writes the manifest anew.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn manifest(&self, text: &str) -> anyhow::Result<()> {
        Ok(fs::write(self.folder().join("isles.toml"), text)?)
    }

    /// The folder.
    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// `isles up -d`: the time until every service is healthy and the command has returned.
    ///
    /// # Errors
    /// When it fails.
    pub(super) fn up(&self, clock: &HostClock) -> anyhow::Result<Duration> {
        let begun = clock.now();
        self.isles(&["up", "-d"])?;
        Ok(clock.now().since(begun))
    }

    /// `isles down`.
    ///
    /// # Errors
    /// When it fails.
    pub(super) fn down(&self) -> anyhow::Result<()> {
        self.isles(&["down"]).map(drop)
    }

    /// Runs a command; returns what it printed.
    ///
    /// # Errors
    /// When it fails.
    pub(super) fn isles(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let output = self.output(arguments)?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "isles {} failed:\n{said}", arguments.join(" "));
        Ok(String::from_utf8(output.stdout)?)
    }

    /// Runs a command; returns the code that it ended with.
    ///
    /// # Errors
    /// When it cannot be started.
    pub(super) fn code(&self, arguments: &[&str]) -> anyhow::Result<Option<i32>> {
        Ok(self.output(arguments)?.status.code())
    }

    fn output(&self, arguments: &[&str]) -> anyhow::Result<Output> {
        let mut command = Command::new(&self.program);
        let output = command.args(arguments).current_dir(self.folder()).stdin(Stdio::null()).output();
        output.context("isles cannot be started")
    }
}

impl Drop for Stand {
    fn drop(&mut self) {
        // After a failed measurement; otherwise nothing runs any more.
        let _ = self.down();
    }
}
