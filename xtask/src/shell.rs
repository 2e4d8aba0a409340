//! Running other programs.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, bail};
use serde_json::Value;

/// The repository's folder.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the repository's folder").into()
}

/// The folder that cargo builds into, wherever the environment or its settings put it.
///
/// # Errors
/// When cargo does not say.
pub(crate) fn target() -> anyhow::Result<PathBuf> {
    let mut cargo = Command::new("cargo");
    cargo.args(["metadata", "--format-version", "1", "--no-deps", "--offline"]).current_dir(root());
    let metadata: Value = serde_json::from_slice(&cargo.output()?.stdout)?;
    Ok(metadata["target_directory"].as_str().context("cargo names no target folder")?.into())
}

/// Runs a program in a folder of the repository, its output shown.
///
/// # Errors
/// When it cannot be started or does not end with 0.
pub(crate) fn run(folder: &str, program: &str, arguments: &[&str]) -> anyhow::Result<()> {
    run_with(&[], folder, program, arguments)
}

/// As [`run`], with these environment variables besides.
///
/// # Errors
/// As [`run`].
pub(crate) fn run_with(
    environment: &[(&str, &str)],
    folder: &str,
    program: &str,
    arguments: &[&str],
) -> anyhow::Result<()> {
    let shown = format!("{program} {}", arguments.join(" "));
    eprintln!("xtask: {shown}{}", if folder.is_empty() { String::new() } else { format!("   (in {folder})") });
    let status = Command::new(program)
        .args(arguments)
        .envs(environment.iter().copied())
        .current_dir(root().join(folder))
        .status();
    let status = status.with_context(|| format!("`{shown}` cannot be started"))?;
    if !status.success() {
        bail!("`{shown}` failed: {status}");
    }
    Ok(())
}

/// Whether a program can be started here and ends with 0; its output is not shown.
pub(crate) fn works(program: &str, arguments: &[&str]) -> bool {
    let status = Command::new(program).args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}
