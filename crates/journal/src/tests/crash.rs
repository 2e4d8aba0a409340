//! Crashes at any call: what was acknowledged as durable is there, no batch is there by half, and nothing else is there. Bits that flip
//! after crashes are an error that names the place, or change nothing.

use super::{
    model::Model,
    rig::{Rig, SMALL},
};
use crate::{Durability, Fault, FaultyDisk, JournalError, disk::Disk};

/// Lives of a journal, each ended by a crash or a failed call.
const LIVES: u32 = 6;
/// A seed in the environment at compile time replays one run: `JOURNAL_SEED=7 cargo test -p journal crashes`.
const SEED: Option<&str> = option_env!("JOURNAL_SEED");
const SEEDS: u64 = 700;
/// Bits that flip after each run's crashes, one at a time.
const FLIPS: u32 = 20;

#[test]
fn crashes_lose_nothing_acknowledged_and_leave_no_half_batch() {
    let crashes = for_seeds(SEEDS, Run::all_lives);
    assert!(SEED.is_some() || crashes > 2000, "{crashes} crashes are too few");
}

#[test]
fn bits_that_flip_after_crashes_are_named_or_change_nothing() {
    let named = for_seeds(SEEDS / 10, Run::flips);
    assert!(SEED.is_some() || named > 100, "{named} errors are too few");
}

/// The sum of what runs count.
fn for_seeds(seeds: u64, run: fn(Run) -> u32) -> u32 {
    let seeds = SEED.map_or(0..seeds, |seed| {
        let seed = seed.parse().expect("JOURNAL_SEED is a number");
        seed..seed + 1
    });
    let one = |seed| std::panic::catch_unwind(|| run(Run::new(seed)));
    seeds.map(|seed| one(seed).unwrap_or_else(|_| panic!("replay with JOURNAL_SEED={seed}"))).sum()
}

struct Run {
    disk: FaultyDisk,
    random: fastrand::Rng,
    /// What the journal may hold after the next crash; the first is what it must hold at least.
    possible: Vec<Model>,
    /// What it held before.
    past: Vec<Model>,
    /// Whether the disk may be full.
    is_tight: bool,
}

impl Run {
    fn new(seed: u64) -> Self {
        let disk = FaultyDisk::new(seed);
        let random = fastrand::Rng::with_seed(seed);
        Self { disk, random, possible: vec![Model::default()], past: Vec::new(), is_tight: false }
    }

    fn all_lives(mut self) -> u32 {
        let crashes = self.crash();
        self.live().expect("no fault was asked for");
        crashes
    }

    /// How many of the bits that flip are found out.
    fn flips(mut self) -> u32 {
        self.crash();
        let names = Disk::list(&self.disk).expect("it has power");
        let mut files: Vec<_> = names.into_iter().filter_map(|name| Some((self.disk.content(&name)?, name))).collect();
        files.retain(|(content, _)| !content.is_empty());
        (0..FLIPS).map(|_| u32::from(self.flip(&files))).sum()
    }

    /// A bit of these files flips; says whether that is an error.
    fn flip(&mut self, files: &[(Vec<u8>, String)]) -> bool {
        Disk::list(&self.disk)
            .expect("it has power")
            .iter()
            .for_each(|name| Disk::remove(&self.disk, name).expect("it is there"));
        files.iter().for_each(|(content, name)| self.disk.put(name, content));
        let (content, name) = &files[self.random.usize(..files.len())];
        let mut flipped = content.clone();
        let at = self.random.usize(..content.len());
        flipped[at] ^= 1 << self.random.u8(..8);
        self.disk.put(name, &flipped);
        match Rig::open(&self.disk, &SMALL).and_then(|rig| rig.content()) {
            Ok(found) => {
                // The end of a log that no later frame calls durable is taken for torn: then it is as it was before.
                let before = self.past.iter().filter(|_| name.starts_with("log-"));
                assert!(self.possible.iter().chain(before).any(|model| *model == found), "{name} byte {at}");
                false
            }
            Err(JournalError::Damaged { file, .. }) if file == *name => true,
            Err(JournalError::Newer { file, .. }) if (&file, at) == (name, 7) => true,
            Err(other) => panic!("{name} byte {at}: {other}"),
        }
    }

    /// Lives that end by faults; says how many did. Then the power comes back, and the disk has space.
    fn crash(&mut self) -> u32 {
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
        self.past.append(&mut self.possible);
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
                self.settle(self.possible.len() - 1);
                Ok(())
            }
            _ => {
                rig.writer.mark();
                rig.core.check()
            }
        }
    }

    /// So many of what was possible are behind.
    fn settle(&mut self, count: usize) {
        self.past.extend(self.possible.drain(..count));
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
            self.settle(first + at);
        }
        if self.is_tight && matches!(outcomes[..], [Err(JournalError::Full)]) {
            self.possible.pop();
            return Ok(());
        }
        outcomes.into_iter().collect()
    }
}
