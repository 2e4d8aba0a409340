//! Preallocated files that become files of the log when nothing else can.

use std::{io, sync::Arc};

use crate::{
    disk::{Disk, DiskFile, publish},
    names,
    open::is_full,
};

const STEP_BYTES_MIN: u64 = 1 << 20;
const STEP_BYTES_MAX: u64 = 8 << 20;
const STEPS: u64 = 8;

pub(crate) struct Reserve {
    pub(crate) step_bytes: u64,
    steps: u64,
    /// The steps that are there.
    held: Vec<u64>,
}

impl Reserve {
    /// Of so many bytes, or as large as it is if that is more. `found` are the files that are there: those of a smaller reserve
    /// are not taken for steps, and those that are too many are removed.
    pub(crate) fn open(disk: &dyn Disk, bytes: u64, found: &[u64]) -> io::Result<Self> {
        let length = |step: &u64| Ok((*step, disk.open(&names::reserve(*step))?.length()?));
        let found = found.iter().map(length).collect::<io::Result<Vec<_>>>()?;
        let mut reserve = Self::of(bytes).max(Self::there(&found));
        for (step, length) in found {
            if step >= reserve.steps {
                disk.remove(&names::reserve(step))?;
            } else if length == reserve.step_bytes {
                reserve.held.push(step);
            }
        }
        Ok(reserve)
    }

    fn of(bytes: u64) -> Self {
        let step_bytes = (bytes / STEPS).clamp(STEP_BYTES_MIN, STEP_BYTES_MAX);
        Self { step_bytes, steps: bytes / step_bytes, held: Vec::new() }
    }

    /// That of which these are steps, by their lengths: the largest ones, if it was being made larger.
    fn there(found: &[(u64, u64)]) -> Self {
        let step_bytes = found.iter().map(|(_, length)| *length).max().unwrap_or_default();
        let last = found.iter().filter(|(_, length)| *length == step_bytes).map(|(step, _)| *step).max();
        Self { step_bytes, steps: last.map_or(0, |last| last + 1), held: Vec::new() }
    }

    fn max(self, other: Self) -> Self {
        if other.bytes() > self.bytes() { other } else { self }
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.steps * self.step_bytes
    }

    /// Makes it as large as this, unless it is. On a full disk what finds no room is missing; a small one that is there is better
    /// than a large one of which nothing is.
    pub(crate) fn enlarge(&mut self, disk: &dyn Disk, bytes: u64) -> io::Result<()> {
        if self.bytes() >= bytes {
            return Ok(());
        }
        let mut larger = Self::open(disk, bytes, &self.held)?;
        let refilled = larger.refill(disk);
        if self.held.is_empty() || !larger.held.is_empty() {
            *self = larger;
        }
        refilled.or_else(|error| if is_full(&error) { Ok(()) } else { Err(error) })
    }

    /// How many steps are not there.
    pub(crate) fn missing(&self) -> u64 {
        self.steps.saturating_sub(self.held.len() as u64)
    }

    /// Makes the files that are missing.
    pub(crate) fn refill(&mut self, disk: &dyn Disk) -> io::Result<()> {
        for step in 0..self.steps {
            if !self.held.contains(&step) {
                publish(disk, &names::reserve(step), self.step_bytes, &[])?;
                self.held.push(step);
            }
        }
        Ok(())
    }

    /// Gives up a step as a file of another name that begins with these bytes.
    pub(crate) fn take(&mut self, disk: &dyn Disk, name: &str, bytes: &[u8]) -> io::Result<Arc<dyn DiskFile>> {
        let step = self.held.pop().ok_or(io::ErrorKind::StorageFull)?;
        let from = names::reserve(step);
        let file = disk.open(&from)?;
        crate::disk::write_all(&*file, bytes, 0)?;
        file.sync_data()?;
        disk.rename(&from, name)?;
        disk.sync_folder()?;
        Ok(file)
    }

    /// Gives up a step, so that something small finds space.
    pub(crate) fn give_up(&mut self, disk: &dyn Disk) -> io::Result<()> {
        let step = self.held.pop().ok_or(io::ErrorKind::StorageFull)?;
        disk.remove(&names::reserve(step))
    }
}
