//! A disk in memory that fails as real ones do, the same way for the same seed.
//!
//! What was not synced may be lost at a crash: names one by one, content by sectors of 512 bytes, each kept, lost or torn. A
//! sync that fails has written some sectors, and forgets the others.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, ErrorKind},
    sync::{Arc, Mutex},
};

use crate::{
    disk::{Disk, DiskFile},
    store::lock,
};

const SECTOR_BYTES: usize = 512;

/// A handle to the disk; clones are the same disk.
#[derive(Clone)]
pub struct FaultyDisk(Arc<Mutex<State>>);

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing works any more until [`FaultyDisk::restart`]: the power is gone.
    Power,
    /// That one call fails; a sync then keeps some of what it should have written.
    Call,
}

struct State {
    random: u64,
    files: BTreeMap<String, usize>,
    /// Changes of names since the folder was synced.
    renamed: Vec<Name>,
    durable: BTreeMap<String, usize>,
    contents: Vec<Content>,
    bytes_max: u64,
    has_power: bool,
    /// In how many calls that change something a fault happens.
    fault: Option<(u32, Fault)>,
    syncs: u64,
}

enum Name {
    Made(String, usize),
    Renamed(String, String),
    Removed(String),
}

#[derive(Default)]
struct Content {
    now: Vec<u8>,
    durable: Vec<u8>,
    dirty: BTreeSet<usize>,
}

impl FaultyDisk {
    /// An empty disk.
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(State {
            random: seed,
            files: BTreeMap::new(),
            renamed: Vec::new(),
            durable: BTreeMap::new(),
            contents: Vec::new(),
            bytes_max: u64::MAX,
            has_power: true,
            fault: None,
            syncs: 0,
        })))
    }

    /// Lets something go wrong in the call after `calls` more that write, sync or name something.
    pub fn fail_after(&self, calls: u32, fault: Fault) {
        lock(&self.0).fault = Some((calls, fault));
    }

    /// How much fits on the disk, in bytes.
    pub fn set_bytes_max(&self, bytes_max: u64) {
        lock(&self.0).bytes_max = bytes_max;
    }

    /// How much is on the disk, in bytes.
    pub fn used_bytes(&self) -> u64 {
        lock(&self.0).used_bytes()
    }

    /// How often content of a file was synced.
    pub fn syncs(&self) -> u64 {
        lock(&self.0).syncs
    }

    /// The power goes, if it has not, and comes back: what was not synced may be gone.
    pub fn restart(&self) {
        lock(&self.0).restart();
    }

    /// A file's content; `None` if there is none.
    pub fn content(&self, name: &str) -> Option<Vec<u8>> {
        let state = lock(&self.0);
        state.files.get(name).map(|file| state.contents[*file].now.clone())
    }

    /// Puts a durable file there, whatever was there before.
    pub fn put(&self, name: &str, content: &[u8]) {
        let mut state = lock(&self.0);
        let content = Content { now: content.to_vec(), durable: content.to_vec(), dirty: BTreeSet::new() };
        state.contents.push(content);
        let file = state.contents.len() - 1;
        state.files.insert(name.into(), file);
        state.durable.insert(name.into(), file);
    }
}

impl State {
    /// SplitMix64 (Steele, Lea, Flood 2014).
    fn random(&mut self, below: u64) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % below
    }

    fn used_bytes(&self) -> u64 {
        self.files.values().map(|file| self.contents[*file].now.len() as u64).sum()
    }

    /// Before each call that changes something.
    fn begin(&mut self) -> io::Result<()> {
        match self.fault {
            Some((0, fault)) => {
                self.fault = None;
                self.has_power = fault == Fault::Call;
                return Err(io::Error::other("a fault was asked for"));
            }
            Some((calls, fault)) => self.fault = Some((calls - 1, fault)),
            None => {}
        }
        if self.has_power { Ok(()) } else { Err(io::Error::other("the power is gone")) }
    }

    fn check_space(&self, file: usize, length: usize) -> io::Result<()> {
        let more = length.saturating_sub(self.contents[file].now.len()) as u64;
        if more > 0 && self.used_bytes() + more > self.bytes_max { Err(ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn find(&self, name: &str) -> io::Result<usize> {
        self.files.get(name).copied().ok_or_else(|| ErrorKind::NotFound.into())
    }

    fn restart(&mut self) {
        for name in std::mem::take(&mut self.renamed) {
            if self.random(2) == 0 {
                name.apply(&mut self.durable);
            }
        }
        self.files = self.durable.clone();
        for file in 0..self.contents.len() {
            self.lose(file);
        }
        self.has_power = true;
        self.fault = None;
    }

    /// Keeps some of what was not synced.
    fn lose(&mut self, file: usize) {
        let length = self.contents[file].now.len();
        if self.random(2) == 0 {
            self.contents[file].durable.resize(length, 0);
        }
        for sector in std::mem::take(&mut self.contents[file].dirty) {
            let kept = match self.random(4) {
                0 | 1 => 0,
                2 => SECTOR_BYTES,
                _ => usize::try_from(self.random(SECTOR_BYTES as u64)).unwrap_or(0),
            };
            self.contents[file].keep(sector, kept);
        }
        let content = &mut self.contents[file];
        content.now.clone_from(&content.durable);
    }

    fn sync(&mut self, file: usize) -> io::Result<()> {
        if let Err(error) = self.begin() {
            if self.has_power {
                let sectors = std::mem::take(&mut self.contents[file].dirty);
                for sector in sectors {
                    if self.random(2) == 0 {
                        self.contents[file].keep(sector, SECTOR_BYTES);
                    }
                }
            }
            return Err(error);
        }
        self.syncs += 1;
        let content = &mut self.contents[file];
        content.durable.resize(content.now.len(), 0);
        std::mem::take(&mut content.dirty).into_iter().for_each(|sector| content.keep(sector, SECTOR_BYTES));
        Ok(())
    }
}

impl Content {
    /// Makes the first bytes of a sector durable, as far as the durable file reaches.
    fn keep(&mut self, sector: usize, bytes: usize) {
        let start = sector * SECTOR_BYTES;
        let end = (start + bytes).min(self.now.len()).min(self.durable.len());
        if start < end {
            self.durable[start..end].copy_from_slice(&self.now[start..end]);
        }
    }
}

impl Name {
    fn apply(self, names: &mut BTreeMap<String, usize>) {
        match self {
            Self::Made(name, file) => _ = names.insert(name, file),
            Self::Renamed(from, to) => {
                if let Some(file) = names.remove(&from) {
                    names.insert(to, file);
                }
            }
            Self::Removed(name) => _ = names.remove(&name),
        }
    }
}

impl Disk for FaultyDisk {
    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let file = lock(&self.0).find(name)?;
        Ok(Arc::new(FaultyFile { disk: self.clone(), file }))
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let mut state = lock(&self.0);
        state.begin()?;
        state.contents.push(Content::default());
        let file = state.contents.len() - 1;
        state.files.insert(name.into(), file);
        state.renamed.push(Name::Made(name.into(), file));
        Ok(Arc::new(FaultyFile { disk: self.clone(), file }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = lock(&self.0);
        state.begin()?;
        state.find(from)?;
        Name::Renamed(from.into(), to.into()).apply(&mut state.files);
        state.renamed.push(Name::Renamed(from.into(), to.into()));
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut state = lock(&self.0);
        state.begin()?;
        state.find(name)?;
        state.files.remove(name);
        state.renamed.push(Name::Removed(name.into()));
        Ok(())
    }

    fn list(&self) -> io::Result<Vec<String>> {
        Ok(lock(&self.0).files.keys().cloned().collect())
    }

    fn sync_folder(&self) -> io::Result<()> {
        let mut state = lock(&self.0);
        state.begin()?;
        state.renamed.clear();
        state.durable = state.files.clone();
        Ok(())
    }
}

struct FaultyFile {
    disk: FaultyDisk,
    file: usize,
}

impl DiskFile for FaultyFile {
    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        let state = lock(&self.disk.0);
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        let found = state.contents[self.file].now.get(offset..).unwrap_or_default();
        let length = found.len().min(bytes.len());
        bytes[..length].copy_from_slice(&found[..length]);
        Ok(length)
    }

    /// Often writes less than it is given.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let mut state = lock(&self.disk.0);
        let begun = state.begin();
        let is_whole = begun.is_ok() && (bytes.len() < 2 || state.random(4) > 0);
        let length = if is_whole { bytes.len() as u64 } else { state.random(bytes.len() as u64) };
        let length = usize::try_from(length).unwrap_or(0).max(usize::from(begun.is_ok()));
        let start = usize::try_from(offset).map_err(io::Error::other)?;
        state.check_space(self.file, start + length)?;
        let content = &mut state.contents[self.file];
        if content.now.len() < start + length {
            content.now.resize(start + length, 0);
        }
        content.now[start..start + length].copy_from_slice(&bytes[..length]);
        content.dirty.extend(start / SECTOR_BYTES..(start + length).div_ceil(SECTOR_BYTES));
        begun.map(|()| length)
    }

    fn allocate(&self, length: u64) -> io::Result<()> {
        let mut state = lock(&self.disk.0);
        state.begin()?;
        let length = usize::try_from(length).map_err(io::Error::other)?;
        state.check_space(self.file, length)?;
        let content = &mut state.contents[self.file];
        content.now.resize(length.max(content.now.len()), 0);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        lock(&self.disk.0).sync(self.file)
    }

    fn length(&self) -> io::Result<u64> {
        Ok(lock(&self.disk.0).contents[self.file].now.len() as u64)
    }
}
