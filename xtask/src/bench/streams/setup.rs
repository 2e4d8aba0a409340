//! What every part needs: programs, cores and how much is measured.

use std::path::PathBuf;

use anyhow::{Context as _, ensure};
use tempfile::TempDir;

use crate::{
    compat,
    shell::{self, run},
};

/// Programs, cores and how much is measured.
pub(super) struct Setup {
    pub(super) isles: PathBuf,
    /// The nats-server that `tests/compat/async-nats.toml` pins.
    pub(super) peer: PathBuf,
    pub(super) peer_version: String,
    /// `benches/src/bin/nats-load`.
    pub(super) load: PathBuf,
    pub(super) load_core: usize,
    pub(super) server_core: usize,
    /// How often contenders take turns.
    pub(super) pairs: usize,
    /// How long one turn takes.
    pub(super) seconds: u32,
    /// Shows that everything runs; what it measures says little.
    quick: bool,
    /// On the disk of the repository, as the stores of all servers.
    pub(super) folder: TempDir,
}

impl Setup {
    /// Builds what is compared.
    ///
    /// # Errors
    /// When something cannot be built, or the host has one core.
    pub(super) fn new(pairs: usize, quick: bool) -> anyhow::Result<Self> {
        let cores = rustix::thread::sched_getaffinity(None)?;
        let mut cores = (0..rustix::thread::CpuSet::MAX_CPU).filter(|core| cores.is_set(*core));
        let (load_core, server_core) = (cores.next().context("no core")?, cores.next().context("it takes two cores")?);
        let (pairs, seconds) = if quick { (2, 1) } else { (pairs, 2) };
        ensure!(pairs > 0, "it takes a pair of rounds");
        run("", "cargo", &["build", "--quiet", "--release", "--package", "isles", "--package", "benches"])?;
        let (peer, peer_version) = compat::peer()?;
        let target = shell::target()?;
        let programs = target.join("release");
        let folder = tempfile::Builder::new().prefix("bench-streams-").tempdir_in(target)?;
        let (isles, load) = (programs.join("isles"), programs.join("nats-load"));
        Ok(Self { isles, peer, peer_version, load, load_core, server_core, pairs, seconds, quick, folder })
    }

    /// So many, or a few.
    pub(super) fn count(&self, usual: u64) -> u64 {
        if self.quick { usual.div_ceil(100) } else { usual }
    }
}
