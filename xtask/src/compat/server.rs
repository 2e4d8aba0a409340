//! The server under test, as a program called `nats-server` in a folder of its own.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, ensure};

use super::SCRATCH;
use crate::shell::{root, run, run_with, target, works};

/// The server's module, as Go names it.
const MODULE: &str = "github.com/nats-io/nats-server/v2";

/// Which server.
#[derive(clap::Args)]
pub(crate) struct Choice {
    /// A server program with the flags of nats-server; one called `isles` is given `nats-server` first
    /// [default: isles, built here]
    #[arg(long, value_name = "PATH", conflicts_with = "peer")]
    server: Option<PathBuf>,
    /// The nats-server that tests/compat/async-nats.toml pins, built with Go
    #[arg(long)]
    peer: bool,
}

impl Choice {
    /// Isles without optimisation, which costs nothing where the tests have built it.
    ///
    /// # Errors
    /// When it cannot be built.
    pub(crate) fn built() -> anyhow::Result<Self> {
        run("", "cargo", &["build", "--package", "isles"])?;
        Ok(Self { server: Some(target()?.join("debug/isles")), peer: false })
    }
}

/// A server that is ready to be started.
pub(crate) struct Prepared {
    /// What the list calls it.
    pub(crate) name: &'static str,
    /// The folder for `PATH` with the program `nats-server`.
    pub(crate) folder: PathBuf,
}

/// Puts a server at its place: the program given, the pinned nats-server, or Isles.
///
/// # Errors
/// When it cannot be built, or there is no such program.
pub(crate) fn prepare(choice: &Choice, version: &str) -> anyhow::Result<Prepared> {
    let program = match &choice.server {
        Some(program) => program.canonicalize().with_context(|| format!("{} cannot be run", program.display()))?,
        None if choice.peer => peer(version)?,
        None => isles()?,
    };
    let is_isles = program.file_name().is_some_and(|name| name == "isles");
    let folder = root().join(SCRATCH).join("bin");
    fs::create_dir_all(&folder)?;
    let path = folder.join("nats-server");
    fs::write(&path, script(&program, is_isles))?;
    fs::set_permissions(&path, Permissions::from_mode(0o755))?;
    Ok(Prepared { name: if is_isles { "isles" } else { "nats-server" }, folder })
}

/// Stays one process, so that signals and the end reach the server itself.
fn script(program: &Path, is_isles: bool) -> String {
    let subcommand = if is_isles { " nats-server" } else { "" };
    format!("#!/bin/sh\nexec '{}'{subcommand} \"$@\"\n", program.display())
}

fn isles() -> anyhow::Result<PathBuf> {
    run("", "cargo", &["build", "--release", "--package", "isles"])?;
    Ok(target()?.join("release/isles"))
}

/// The nats-server of this version, built once.
///
/// # Errors
/// When it cannot be built.
pub(super) fn peer(version: &str) -> anyhow::Result<PathBuf> {
    let folder = root().join(SCRATCH).join(version);
    let program = folder.join("nats-server");
    if !program.exists() {
        ensure!(works("go", &["version"]), "the peer is built with Go, which is missing (apt-get install golang-go)");
        let module = format!("{MODULE}@{version}");
        run_with(&[("GOBIN", &folder.display().to_string())], "", "go", &["install", &module])?;
    }
    Ok(program)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::script;

    #[test]
    fn scripts() {
        let peer = "#!/bin/sh\nexec '/b/nats-server' \"$@\"\n";
        assert_eq!(script(Path::new("/b/nats-server"), false), peer);
        assert_eq!(script(Path::new("/a b/isles"), true), "#!/bin/sh\nexec '/a b/isles' nats-server \"$@\"\n");
    }
}
