//! What every part needs: programs, and how much is measured.

use std::{path::PathBuf, time::Duration};

use anyhow::ensure;
use ports::clock::HostClock;

use crate::shell::{self, run};

/// Programs, and how much is measured.
pub(super) struct Setup {
    pub(super) isles: PathBuf,
    /// Where the programs of `benches/` are.
    programs: PathBuf,
    pub(super) clock: HostClock,
    /// How often each figure is measured.
    pub(super) rounds: usize,
    /// How long the load is watched before a deploy, and after it.
    pub(super) watched: Duration,
}

impl Setup {
    /// Builds what is measured.
    ///
    /// # Errors
    /// When it cannot be built.
    pub(super) fn new(pairs: usize, quick: bool) -> anyhow::Result<Self> {
        let (rounds, seconds) = if quick { (2, 1) } else { (pairs, 5) };
        ensure!(rounds > 0, "it takes a round");
        run("", "cargo", &["build", "--quiet", "--release", "--package", "isles", "--package", "benches"])?;
        let programs = shell::target()?.join("release");
        let isles = programs.join("isles");
        Ok(Self { isles, programs, clock: HostClock::start(), rounds, watched: Duration::from_secs(seconds) })
    }

    /// One of the programs in `benches/`.
    pub(super) fn of_benches(&self, name: &str) -> PathBuf {
        self.programs.join(name)
    }
}
