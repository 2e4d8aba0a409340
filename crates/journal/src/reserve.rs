//! Preallocated files that become files of the log when nothing else can.

use std::{io, sync::Arc};

use crate::{
    disk::{Disk, DiskFile, publish},
    names,
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
    /// Of at most so many bytes. `found` are the files that are there: those of a reserve of another size are not taken for
    /// steps, and those that are too many are removed.
    pub(crate) fn open(disk: &dyn Disk, bytes: u64, found: &[u64]) -> io::Result<Self> {
        let step_bytes = (bytes / STEPS).clamp(STEP_BYTES_MIN, STEP_BYTES_MAX);
        let mut reserve = Self { step_bytes, steps: bytes / step_bytes, held: Vec::new() };
        for step in found {
            let name = names::reserve(*step);
            if *step >= reserve.steps {
                disk.remove(&name)?;
            } else if disk.open(&name)?.length()? == step_bytes {
                reserve.held.push(*step);
            }
        }
        Ok(reserve)
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
