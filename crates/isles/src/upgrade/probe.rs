//! The hidden command `probe`: whether an Isles can run a system that is there.

use std::{
    ffi::OsString,
    io::ErrorKind,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
};

use anyhow::Context as _;
use cli::{report::UserError, terminal::Terminal};
use manifest::Disk;
use serde::{Deserialize, Serialize};

use crate::state::State;

/// What an Isles says that can run the system.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Found {
    /// The system.
    pub(crate) system: String,
    /// The version of that Isles.
    pub(crate) version: String,
}

/// Asks the program whether it can run the system in a folder.
///
/// # Errors
/// When it cannot, or is no Isles.
pub(crate) fn ask(program: &Path, folder: &Path) -> Result<Found, UserError> {
    let shown = program.display();
    let asked = Command::new(program).args(["probe", "--"]).arg(folder).stdin(Stdio::null()).output();
    let output = asked.map_err(|error| {
        let hint = match error.kind() {
            ErrorKind::NotFound => "check the path",
            ErrorKind::PermissionDenied => "make it executable: chmod +x",
            _ => "is it an Isles for this machine?",
        };
        UserError::failed(format!("{shown} cannot be run: {error}"), hint)
    })?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let line = |mark: &str| said.lines().find_map(|line| line.strip_prefix(mark)).map(str::to_owned);
        let cause = line("error: ").unwrap_or_else(|| format!("it ended with {}", output.status));
        let hint = line("hint: ").unwrap_or_else(|| "is it an Isles?".into());
        return Err(UserError::failed(format!("{shown} cannot run this system: {cause}"), hint));
    }
    serde_json::from_slice(&output.stdout)
        .map_err(|_| UserError::failed(format!("{shown} is no Isles"), "check the path"))
}

/// Answers whether this Isles can run the system in a folder: it knows the state folder and the manifest in force.
pub(crate) fn answer(args: &[OsString], terminal: &mut Terminal) -> anyhow::Result<ExitCode> {
    let folder = args.first().map(PathBuf::from).context("the folder of the manifest is not named")?;
    let state = State(folder.join(".isles"));
    state.check_version()?;
    let text = std::fs::read_to_string(state.manifest()).context("the manifest in force cannot be read")?;
    let system = manifest::parse(&text, &Disk::new(&folder)).system.ok_or_else(|| {
        UserError::failed("the manifest in force has errors for it", "correct the manifest, and restart with it")
    })?;
    let version = env!("CARGO_PKG_VERSION").to_owned();
    terminal.print_json(&Found { system: system.name.to_string(), version })?;
    Ok(ExitCode::SUCCESS)
}
