//! What every part of the benchmark needs: programs, cores and how much is measured.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use tempfile::TempDir;

use super::certificate::Certificate;
use crate::shell::{self, run, works};

/// The peers and tools, each with its Debian package.
const TOOLS: [(&str, &str); 6] = [
    ("nginx", "nginx-light"),
    ("haproxy", "haproxy"),
    ("wrk", "wrk"),
    ("h2load", "nghttp2-client"),
    ("valgrind", "valgrind"),
    ("openssl", "openssl"),
];

/// Programs, cores and how much is measured.
pub(super) struct Setup {
    pub(super) programs: Programs,
    /// What load tools and back ends run on.
    pub(super) load_core: usize,
    /// What proxies run on.
    pub(super) proxy_core: usize,
    /// How often contenders take turns.
    pub(super) pairs: usize,
    /// How long one turn takes.
    pub(super) seconds: u32,
    /// Shows that everything runs; what it measures says little.
    pub(super) quick: bool,
    pub(super) certificate: Certificate,
    folder: TempDir,
}

/// Built programs.
pub(super) struct Programs {
    pub(super) isles: PathBuf,
    folder: PathBuf,
}

impl Programs {
    /// One of the programs in `benches/`.
    pub(super) fn of_benches(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

impl Setup {
    /// Installs what is missing, and builds.
    ///
    /// # Errors
    /// When something is missing and cannot be installed, or the host has one core.
    pub(super) fn new(pairs: usize, quick: bool) -> anyhow::Result<Self> {
        install()?;
        let cores = rustix::thread::sched_getaffinity(None)?;
        let mut cores = (0..rustix::thread::CpuSet::MAX_CPU).filter(|core| cores.is_set(*core));
        let (load_core, proxy_core) = (cores.next().context("no core")?, cores.next().context("it takes two cores")?);
        let (pairs, seconds) = if quick { (2, 1) } else { (pairs, 2) };
        ensure!(pairs > 0, "it takes a pair of rounds");
        let folder = tempfile::Builder::new().prefix("isles-bench-").tempdir()?;
        let certificate = Certificate::make(folder.path())?;
        Ok(Self { programs: build()?, load_core, proxy_core, pairs, seconds, quick, certificate, folder })
    }

    /// A folder for what is thrown away.
    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// So many requests, or a few.
    pub(super) fn requests(&self, usual: u32) -> u32 {
        if self.quick { usual.div_ceil(10) } else { usual }
    }
}

fn install() -> anyhow::Result<()> {
    let is_there = |program: &str| works("sh", &["-c", &format!("command -v {program}")]);
    let missing: Vec<&str> = TOOLS.iter().filter(|(tool, _)| !is_there(tool)).map(|(_, package)| *package).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let install = ["DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "--yes", "--no-install-recommends"];
    run("", "apt-get", &["update", "--quiet"])?;
    run("", "env", &[&install[..], &missing].concat()).context("install these packages, or run this as root")
}

fn build() -> anyhow::Result<Programs> {
    run("", "cargo", &["build", "--quiet", "--release", "--package", "isles", "--package", "benches"])?;
    let folder = shell::target()?.join("release");
    Ok(Programs { isles: folder.join("isles"), folder })
}
