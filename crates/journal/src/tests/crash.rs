//! Crashes at any call: what was acknowledged as durable is there, no batch is there by half, and nothing else is there.

use super::{
    model::Model,
    rig::{Rig, SMALL},
};
use crate::{Durability, Fault, FaultyDisk, JournalError};

/// Lives of a journal, each ended by a crash or a failed call.
const LIVES: u32 = 6;
/// A seed in the environment at compile time replays one run: `JOURNAL_SEED=7 cargo test -p journal crashes`.
const SEED: Option<&str> = option_env!("JOURNAL_SEED");
const SEEDS: u64 = 700;

#[test]
fn crashes_lose_nothing_acknowledged_and_leave_no_half_batch() {
    let seeds = SEED.map_or(0..SEEDS, |seed| {
        let seed = seed.parse().expect("JOURNAL_SEED is a number");
        seed..seed + 1
    });
    let mut crashes = 0;
    for seed in seeds {
        let run = std::panic::catch_unwind(|| Run::new(seed).all_lives());
        crashes += run.unwrap_or_else(|_| panic!("replay with JOURNAL_SEED={seed}"));
    }
    if SEED.is_none() {
        assert!(crashes > 2000, "{crashes} crashes are too few");
    }
}

struct Run {
    disk: FaultyDisk,
    random: fastrand::Rng,
    /// What the journal may hold after the next crash; the first is what it must hold at least.
    possible: Vec<Model>,
    /// Whether the disk may be full.
    is_tight: bool,
}

impl Run {
    fn new(seed: u64) -> Self {
        let disk = FaultyDisk::new(seed);
        Self { disk, random: fastrand::Rng::with_seed(seed), possible: vec![Model::default()], is_tight: false }
    }

    fn all_lives(mut self) -> u32 {
        let mut crashes = 0;
        for _ in 0..LIVES {
            let kind = if self.random.u8(..4) == 0 { Fault::Call } else { Fault::Power };
            if self.random.u8(..8) > 0 {
                self.disk.fail_after(self.random.u32(..150), kind);
            }
            crashes += u32::from(self.live().is_err());
            // Without a restart the next life finds what the host has in memory.
            if kind == Fault::Power || self.random.bool() {
                self.disk.restart();
            }
        }
        self.disk.restart();
        self.loosen();
        self.live().expect("no fault was asked for");
        crashes
    }

    /// From opening to the first error.
    fn live(&mut self) -> Result<(), JournalError> {
        let mut rig = match Rig::open(&self.disk, &SMALL) {
            Err(error @ (JournalError::Damaged { .. } | JournalError::Newer { .. })) => panic!("{error}"),
            other => other?,
        };
        let found = rig.content().expect("nothing is damaged");
        assert!(self.possible.contains(&found), "found {found:#?}\npossible {:#?}", self.possible);
        rig.assert_consistent(&found);
        // What is found was made durable before it was shown.
        self.possible = vec![found];
        for _ in 0..self.random.u32(..60) {
            self.step(&mut rig)?;
        }
        let content = rig.content().expect("nothing is damaged");
        assert_eq!(Some(&content), self.possible.last());
        rig.assert_consistent(&content);
        Ok(())
    }

    fn step(&mut self, rig: &mut Rig) -> Result<(), JournalError> {
        match self.random.u8(..22) {
            0..14 => self.write(rig),
            14..17 => rig.run_mover().or_else(|error| self.accept_full(error)),
            17 => {
                self.is_tight = true;
                self.disk.set_bytes_max(self.disk.used_bytes() + self.random.u64(..30_000));
                Ok(())
            }
            18 => {
                self.loosen();
                Ok(())
            }
            19 => {
                rig.writer.sync()?;
                self.possible.drain(..self.possible.len() - 1);
                Ok(())
            }
            _ => {
                rig.writer.mark();
                rig.core.check()
            }
        }
    }

    fn loosen(&mut self) {
        self.is_tight = false;
        self.disk.set_bytes_max(u64::MAX);
    }

    fn accept_full(&self, error: JournalError) -> Result<(), JournalError> {
        if self.is_tight && matches!(error, JournalError::Full) { Ok(()) } else { Err(error) }
    }

    fn write(&mut self, rig: &mut Rig) -> Result<(), JournalError> {
        let mut batches = Vec::new();
        // Batches build on each other, so where one may be refused it is alone.
        let count = if self.is_tight { 1 } else { self.random.usize(1..6) };
        for _ in 0..count {
            let (batch, after) = self.possible.last().expect("there is always one").random_batch(&mut self.random);
            let lazy = [Durability::None, Durability::Interval(std::time::Duration::from_millis(10))];
            let durability = if self.random.bool() { Durability::Always } else { lazy[self.random.usize(..2)] };
            self.possible.push(after);
            batches.push((batch, durability));
        }
        let (first, durabilities) =
            (self.possible.len() - batches.len(), batches.iter().map(|it| it.1).collect::<Vec<_>>());
        let outcomes = rig.write(batches);
        let durable =
            durabilities.iter().zip(&outcomes).rposition(|(it, outcome)| *it == Durability::Always && outcome.is_ok());
        if let Some(at) = durable {
            self.possible.drain(..first + at);
        }
        if self.is_tight && matches!(outcomes[..], [Err(JournalError::Full)]) {
            self.possible.pop();
            return Ok(());
        }
        outcomes.into_iter().collect()
    }
}
